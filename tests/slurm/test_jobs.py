"""Jobs on a real Slurm of two nodes: who they are, how they stop, what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.slurm.cluster import Cluster

SMC = [sys.executable, "-m", "smc_core", "run"]
SECONDS = 90.0
WHO = (
    "import json, os, smc_core as smc\n"
    "env = smc.Environment.create()\n"
    "fields = ('platform', 'hosts', 'current_host', 'host_rank', 'master_hostname', 'is_primary', 'attempt', 'stop_grace')\n"
    'open(f\'{os.environ["DESK"]}/{os.environ.get("SLURM_PROCID", "batch")}.json\', \'w\').write(\n'
    "    json.dumps({name: getattr(env, name) for name in fields}))\n"
)
COUNTS = (
    "import os, signal, sys, time\n"
    "seen = []\n"
    "signal.signal(15, lambda *_: seen.append(time.time()))\n"
    "open(f'{os.environ[\"DESK\"]}/ready-{os.environ[\"SLURM_PROCID\"]}', 'w').close()\n"
    "while not seen: time.sleep(0.05)\n"
    "time.sleep(1.5)\n"
    "open(f'{os.environ[\"DESK\"]}/signals-{os.environ[\"SLURM_PROCID\"]}', 'w').write(str(len(seen)))\n"
    "sys.exit(3)\n"
)


def plain(desk: Path, code: str) -> list[str]:
    """A command for ``srun``: smc as in an image, each process with a job folder of its own below the desk."""
    (desk / "train.py").write_text(code)
    line = (
        f"export DESK='{desk}' SAGEMAKER_PROGRAM=train.py SAGEMAKER_BASE_DIR='{desk}'/job-$SLURM_PROCID; "
        'mkdir -p "$SAGEMAKER_BASE_DIR/code"; cp "$DESK/train.py" "$SAGEMAKER_BASE_DIR/code"; exec "$@"'
    )
    return ["sh", "-c", line, "sh", *SMC]


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def both_exist(desk: Path, name: str) -> Callable[[], bool]:
    return lambda: all((desk / f"{name}-{rank}").exists() for rank in (0, 1))


def failure(desk: Path, rank: int) -> str:
    return (desk / f"job-{rank}/output/failure").read_text()


def test_hosts_and_ranks(slurm: Cluster, desk: Path) -> None:
    found = slurm.srun(desk, "-N2", *plain(desk, WHO))
    _, errors = found.communicate(timeout=SECONDS)
    assert found.returncode == 0, errors
    for rank in (0, 1):
        assert json.loads((desk / f"{rank}.json").read_text()) == {
            "platform": "slurm",
            "hosts": ["n1", "n2"],
            "current_host": f"n{rank + 1}",
            "host_rank": rank,
            "master_hostname": "n1",
            "is_primary": rank == 0,
            "attempt": 0,
            "stop_grace": 25.0,
        }
        assert f"platform: slurm, host {rank + 1} of 2, n{rank + 1}" in errors


def test_one_node_of_an_allocation_of_two(slurm: Cluster, desk: Path) -> None:
    script = f"#!/bin/sh\nsrun -N1 -n1 -w n2 {' '.join(_quoted(word) for word in plain(desk, WHO))}\n"
    job = slurm.sbatch(desk, script, "-N2")
    until(lambda: slurm.state(job).get("JobState") in ("COMPLETED", "FAILED"), slurm.logs())
    assert slurm.state(job)["JobState"] == "COMPLETED", (desk / f"slurm-{job}.out").read_text()
    said = json.loads((desk / "0.json").read_text())
    assert (said["hosts"], said["host_rank"]) == (["n2"], 0)


def test_a_batch_script_outside_a_step_is_one_host(slurm: Cluster, desk: Path) -> None:
    inner = " ".join(_quoted(word) for word in plain(desk, WHO))
    job = slurm.sbatch(desk, f"#!/bin/sh\nunset SLURM_PROCID; {inner}\n", "-N2")
    slurm.wait_for(job, "COMPLETED")
    said = json.loads((desk / "batch.json").read_text())
    assert (said["platform"], len(said["hosts"]), said["is_primary"]) == ("slurm", 1, True)


def test_several_tasks_on_a_node(slurm: Cluster, desk: Path) -> None:
    found = slurm.srun(desk, "-N2", "--ntasks-per-node=2", *plain(desk, WHO))
    _, errors = found.communicate(timeout=SECONDS)
    assert found.returncode == 0, errors
    said = [json.loads((desk / f"{task}.json").read_text()) for task in range(4)]
    assert [each["current_host"] for each in said] == ["n1", "n1", "n2", "n2"]
    assert [each["is_primary"] for each in said] == [True, False, False, False]


def test_scancel_is_one_sigterm_for_the_script(slurm: Cluster, desk: Path) -> None:
    step = slurm.srun(desk, "-N2", *plain(desk, COUNTS))
    until(both_exist(desk, "ready"), "the scripts did not start")
    slurm.run("scancel", "--user", "root")
    step.communicate(timeout=SECONDS)
    until(both_exist(desk, "signals"), "the scripts did not end")
    for rank in (0, 1):
        assert (desk / f"signals-{rank}").read_text() == "1"
        until(lambda rank=rank: failure(desk, rank).startswith("Stopped by SIGTERM: "), failure(desk, rank))


def test_a_script_that_outlives_kill_wait_leaves_the_truth(slurm: Cluster, desk: Path) -> None:
    """Slurm kills smc, too: the first outcome is what is left."""
    code = COUNTS.replace("while not seen", "while True")
    step = slurm.srun(desk, "-N2", *plain(desk, code))
    until(both_exist(desk, "ready"), "the scripts did not start")
    slurm.run("scancel", "--user", "root")
    step.communicate(timeout=SECONDS)
    for rank in (0, 1):
        assert failure(desk, rank).startswith("Stopping: SIGTERM at ")
        assert not (desk / f"job-{rank}/output/success").exists()


def test_the_exit_code_reaches_srun(slurm: Cluster, desk: Path) -> None:
    code = "import os, sys\nsys.exit(int(os.environ['SLURM_PROCID']) * 7)\n"
    found = slurm.srun(desk, "-N2", *plain(desk, code))
    found.communicate(timeout=SECONDS)
    assert found.returncode == 7
    assert failure(desk, 1).startswith("sys.exit(7)")


def test_a_killed_supervisor_ends_its_job(slurm: Cluster, desk: Path) -> None:
    step = slurm.srun(desk, "-N2", "--kill-on-bad-exit=1", *plain(desk, COUNTS))
    until(both_exist(desk, "ready"), "the scripts did not start")
    found = subprocess.run(["pgrep", "-f", " -m smc_core run$"], capture_output=True, text=True, check=False)
    mine = {int(pid) for pid in found.stdout.split() if str(desk) in _environment(int(pid))}
    supervisors = [pid for pid in mine if _parent(pid) not in mine]  # the others are their watchdogs
    assert len(supervisors) == 2
    os.kill(supervisors[0], signal.SIGKILL)
    step.communicate(timeout=30)
    assert step.returncode != 0


def _environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


RESUMES = (
    "import os, signal, sys, time\n"
    "import smc_core as smc\n"
    "env = smc.Environment.create()\n"
    "os.makedirs(env.checkpoint_dir, exist_ok=True)\n"
    "path = os.path.join(env.checkpoint_dir, 'step')\n"
    "desk = os.environ['DESK']\n"
    "if env.attempt:\n"
    "    open(f'{desk}/resumed', 'w').write(f'{env.attempt} {open(path).read()}')\n"
    "    sys.exit(0)\n"
    "def save(*_):\n"
    "    open(path, 'w').write('7')\n"
    "    sys.exit(0)\n"
    "signal.signal(15, save)\n"
    "open(f'{desk}/ready', 'w').close()\n"
    "time.sleep(600)\n"
)


def test_preemption_requeues_and_the_job_resumes(slurm: Cluster, desk: Path) -> None:
    """A job that ends by itself within GraceTime is not preempted, but over: its exit code has to requeue it."""
    inner = " ".join(_quoted(word) for word in plain(desk, RESUMES))
    script = f"#!/bin/sh\nexport SMC_EXIT_STOPPED=75\nsrun -N1 -n1 {inner}\n"
    job = slurm.sbatch(desk, script, "-N2", "-p", "low", "--requeue", "--exclusive")
    until((desk / "ready").exists, slurm.logs())
    urgent = slurm.sbatch(desk, "#!/bin/sh\nsleep 1\n", "-N2", "-p", "high", "--exclusive")
    slurm.wait_for(urgent, "COMPLETED")
    until(lambda: slurm.state(job).get("Restarts") == "1", slurm.logs())
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm would hold a requeued job for minutes
    until((desk / "resumed").exists, f"{slurm.state(job)}\n{slurm.logs()}")
    assert (desk / "resumed").read_text() == "1 7"
    slurm.wait_for(job, "COMPLETED")


def test_an_exit_code_requeues_a_stopped_job(slurm: Cluster, desk: Path) -> None:
    """The time limit's signal comes early; ``RequeueExit=75`` of the cluster then starts the job again."""
    inner = " ".join(_quoted(word) for word in plain(desk, RESUMES))
    script = f"#!/bin/sh\nexport SMC_EXIT_STOPPED=75\nsrun -N1 -n1 {inner}\n"
    job = slurm.sbatch(desk, script, "-N1", "--requeue")
    until((desk / "ready").exists, slurm.logs())
    slurm.run("scancel", "--signal=TERM", job)  # as --signal=TERM@… does: to the steps, not to the batch script
    until(lambda: slurm.state(job).get("Restarts") == "1", f"{slurm.state(job)}\n{failure(desk, 0)}")
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    until((desk / "resumed").exists, f"{slurm.state(job)}\n{slurm.logs()}")
    assert (desk / "resumed").read_text() == "1 7"


def test_what_smc_manifest_prints_is_submitted(slurm: Cluster, desk: Path) -> None:
    """``smc manifest slurm … | sbatch``, on both nodes, with a channel and a hyperparameter."""
    (desk / "data").mkdir()
    (desk / "data/points.csv").write_text("1,2\n")
    (desk / "train.py").write_text(
        "import os, sys\n"
        "rank = os.environ['SM_CURRENT_HOST_RANK']\n"
        "seen = [*sys.argv[1:], *os.listdir(os.environ['SM_CHANNEL_TRAINING']), os.environ['SM_HOSTS']]\n"
        "open(f'said-{rank}', 'w').write(' '.join(seen))\n"
        f"os.rename(f'said-{{rank}}', f'{desk}/said-{{rank}}')\n"
    )
    given = ["--hosts", "2", "--time", "5", "train.py", "-c", f"training={desk}/data", "-p", "name=two words"]
    printed = subprocess.run(
        [sys.executable, "-m", "smc_core", "manifest", "slurm", *given], capture_output=True, text=True, check=True
    ).stdout
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    job = slurm.sbatch(desk, printed, variables={"PATH": path})
    state = slurm.wait_for(job, "COMPLETED", "FAILED")
    log = "\n".join(file.read_text() for file in desk.glob("*.out"))
    assert state["JobState"] == "COMPLETED", log
    for rank in (0, 1):
        assert (desk / f"said-{rank}").read_text() == '--name two words points.csv ["n1","n2"]', log
