"""``smc run TARGET`` as one host of a platform's job: one folder for all hosts and all attempts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import Result, Running

LOOK = """
import json, os, pathlib, sys
checkpoints = pathlib.Path(os.environ["SM_CHECKPOINT_DIR"])
before = sorted(path.name for path in checkpoints.iterdir())
host, base = os.environ["SM_CURRENT_HOST"], os.environ["SAGEMAKER_BASE_DIR"]
print(json.dumps({"arguments": sys.argv[1:], "host": host, "before": before, "base": base}), flush=True)
(checkpoints / host).touch()
pathlib.Path(os.environ["SM_MODEL_DIR"], f"part-{host}").write_text(host)
pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_text(host)
if host in sys.argv:
    raise ValueError(f"no good on {host}")
"""


def sky(rank: int, count: int = 2, job: str = "sky-1-train") -> dict[str, str]:
    """The variables of a host of SkyPilot, whose hosts are addresses of this machine."""
    addresses = "\n".join(f"127.0.0.{number}" for number in range(1, count + 1))
    return {
        "SKYPILOT_TASK_ID": job,
        "SKYPILOT_NUM_NODES": str(count),
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NODE_IPS": addresses,
    }


def slurm(node: int, task: int = 0, tasks: int = 1, **more: str) -> dict[str, str]:
    """The variables of a task of a step on two nodes, which are addresses of this machine."""
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "digits",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_NODES": "2",
        "SLURM_STEP_NODELIST": "127.0.0.[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": f"{tasks}(x2)",
        "SLURM_NODEID": str(node),
        "SLURM_LOCALID": str(task),
        "SLURM_PROCID": str(node * tasks + task),
        **more,
    }


def begin(desk: Any, variables: dict[str, str], *arguments: str, command: str = "run") -> Running[Result]:
    prefix = ["env", *(f"{name}={text}" for name, text in variables.items())]
    running: Running[Result] = desk.start(command, *arguments, prefix=prefix, stdin=subprocess.DEVNULL)
    return running


def together(desk: Any, hosts: list[dict[str, str]], *arguments: str) -> list[Result]:
    """Run the same command on all hosts at the same time."""
    return [running.wait() for running in [begin(desk, variables, *arguments) for variables in hosts]]


def printed(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(result.stdout)
    return content


@pytest.fixture
def digits(desk: Any) -> Any:
    desk.write("train.py", LOOK)
    desk.write("data/a")
    return desk


COMMAND = ("train.py", "-c", "training=data", "-p", "epochs=5")


def test_two_hosts_have_one_folder_with_a_folder_each(digits) -> None:
    ended = together(digits, [sky(0), sky(1)], *COMMAND)
    assert [each.exit_code for each in ended] == [0, 0], ended
    top = digits.folder / ".smc/jobs/train-sky-1-train"
    assert [printed(each)["base"] for each in ended] == [f"{top}/rank-{rank}/attempt-0" for rank in (0, 1)]
    assert {path.name for path in (top / "checkpoints").iterdir()} == {"127.0.0.1", "127.0.0.2"}
    for rank in (0, 1):
        home = top / f"rank-{rank}"
        assert (home / "checkpoints").resolve() == top / "checkpoints"
        assert (home / "output/success").exists()
        assert (home / "input/data/training/a").exists()
        assert (home / "model" / f"part-127.0.0.{rank + 1}").exists()
        assert b"smc: script mode" in (home / "log.txt").read_bytes()
    assert {path.name for path in (top / "model").iterdir()} == {"part-127.0.0.1", "part-127.0.0.2", "weights"}
    assert (top / "model/weights").read_text() == "127.0.0.1"
    assert (top / "output/success").exists()
    assert sum("several hosts have written weights" in each.stderr for each in ended) == 1


def test_smc_jobs_and_logs_find_the_job(digits) -> None:
    together(digits, [sky(0), sky(1)], *COMMAND, "-p", "bad=127.0.0.2")
    (listed,) = digits.jobs()
    assert (listed["name"], listed["status"], listed["hosts"]) == (
        "train-sky-1-train",
        "failed",
        ["127.0.0.1", "127.0.0.2"],
    )
    assert listed["failure"].startswith("ValueError: no good on 127.0.0.2")
    top = digits.folder / ".smc/jobs/train-sky-1-train"
    assert (top / "output/failure").read_text().startswith("ValueError: no good on 127.0.0.2")
    assert not (top / "output/success").exists()
    assert '"host": "127.0.0.1"' in digits.smc("logs", "train-sky-1-train").stdout
    assert '"host": "127.0.0.2"' in digits.smc("logs", str(top / "rank-1")).stdout


def test_a_restarted_job_finds_its_checkpoints_and_keeps_what_was_before(digits) -> None:
    hosts = [slurm(0), slurm(1)]
    assert [
        each.exit_code for each in together(digits, hosts, *COMMAND, "--job-dir", "job", "-p", "bad=127.0.0.2")
    ] == [
        0,
        1,
    ]
    again = [{**variables, "SLURM_RESTART_COUNT": "1", "SLURM_STEP_NODELIST": "127.0.0.[3-4]"} for variables in hosts]
    ended = together(digits, again, *COMMAND, "--job-dir", "job", "-p", "bad=127.0.0.2")
    assert [each.exit_code for each in ended] == [0, 0], ended
    assert {"127.0.0.1", "127.0.0.2"} <= set(printed(ended[0])["before"])
    top = digits.folder / "job"
    assert "no good on 127.0.0.2" in (top / "rank-1/attempt-0/output/failure").read_text()
    assert '"127.0.0.2"' in (top / "rank-1/attempt-0/log.txt").read_text()
    assert (top / "rank-1/output/success").resolve() == top / "rank-1/attempt-1/output/success"
    assert sorted(path.name for path in (top / "model").iterdir()) == ["part-127.0.0.3", "part-127.0.0.4", "weights"]
    assert sorted(path.name for path in (top / "output").iterdir()) == ["data", "success"]
    assert [job["status"] for job in digits.jobs()] == ["completed"]


def test_a_restart_that_the_platform_does_not_count_is_one_too(digits) -> None:
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "0", "HOSTNAME": "digits-0"}
    pod["SMC_HOST_COUNT"] = "1"
    first = begin(digits, pod, *COMMAND).wait()
    second = begin(digits, pod, *COMMAND).wait()
    assert (printed(first)["before"], len(printed(second)["before"])) == ([], 1)
    top = digits.folder / ".smc/jobs/train-digits-0"
    assert os.readlink(top / "model") == "attempt-1/model"
    assert (top / "attempt-0/output/success").exists()
    assert (top / "output/success").exists()


def test_pods_that_are_jobs_of_their_own_have_folders_of_their_own(digits) -> None:
    pods = [
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": str(i), "HOSTNAME": f"digits-{i}"}
        for i in range(2)
    ]
    assert [each.exit_code for each in together(digits, pods, *COMMAND)] == [0, 0]
    assert {job["name"] for job in digits.jobs()} == {"train-digits-0", "train-digits-1"}


def test_another_command_of_the_same_job_has_another_folder_and_finds_it_again(digits) -> None:
    alone = sky(0, count=1)
    for learning_rate in ("1", "2", "2"):
        assert begin(digits, alone, "train.py", "-p", f"lr={learning_rate}").wait().exit_code == 0
    jobs = digits.folder / ".smc/jobs"
    attempts = {path.name: sorted(each.name for each in path.glob("attempt-*")) for path in jobs.iterdir()}
    assert attempts == {"train-sky-1-train": ["attempt-0"], "train-sky-1-train-2": ["attempt-0", "attempt-1"]}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("another job", "job belongs to the job sky-2 of skypilot"),
        ("other options", "job holds a job with other options"),
        ("a file", "job is not empty"),
        ("a damaged owner", "job is not empty"),
    ],
)
def test_a_folder_of_another_job_is_refused_and_not_changed(digits, prepare: str, message: str) -> None:
    if prepare == "another job":
        begin(digits, sky(0, 1, "sky-2"), *COMMAND, "--job-dir", "job").wait()
    elif prepare == "other options":
        begin(digits, sky(0, 1), "train.py", "-p", "epochs=6", "--job-dir", "job").wait()
    else:
        digits.write("job/notes" if prepare == "a file" else "job/platform.json", "{")
    before = sorted((digits.folder / "job").rglob("*"))
    ended = begin(digits, sky(0, 1), *COMMAND, "--job-dir", "job").wait()
    assert ended.exit_code == 2
    assert f"--job-dir job: {digits.folder}/{message}" in ended.stderr
    assert sorted((digits.folder / "job").rglob("*")) == before


def test_each_of_several_tasks_on_a_node_has_its_own_folder(digits) -> None:
    digits.write("train.py", "import os, smc_core as smc\nprint(smc.Environment.create().is_primary)\n")
    tasks = [slurm(node, task, tasks=2) for node in (0, 1) for task in (0, 1)]
    ended = together(digits, tasks, "train.py", "-p", "epochs=5")
    assert [each.stdout for each in ended] == ["True\n", "False\n", "False\n", "False\n"]
    top = digits.folder / ".smc/jobs/train-4711"
    folders = {path.parent.name for path in top.glob("rank-*/log.txt")}
    assert folders == {f"rank-{node}-task-{task}" for node in (0, 1) for task in (0, 1)}
    assert (top / "output/success").exists()


def test_hosts_come_from_the_platform_alone(digits) -> None:
    ended = begin(digits, sky(0), *COMMAND, "--hosts", "2").wait()
    assert ended.exit_code == 2
    assert "--hosts 2: the hosts of this job come from skypilot, which has 2; leave --hosts out" in ended.stderr
    ended = begin(digits, sky(0, count=1), *COMMAND, "--hosts", "2").wait()
    assert ended.exit_code == 0, ended.stderr
    assert "[algo-" in ended.stdout or "[127.0.0." in ended.stdout


def test_the_log_of_a_platform_has_one_line_about_the_folder(digits) -> None:
    ended = begin(digits, sky(0, count=1), *COMMAND).wait()
    lines = ended.stderr.splitlines()
    assert lines[-1].startswith("smc: job train-sky-1-train: completed after ")
    assert lines[-1].endswith(f"; {digits.folder}/.smc/jobs/train-sky-1-train")
    assert "smc logs" not in ended.stderr


def test_the_plan_shows_the_hosts_of_the_platform_and_leaves_nothing(digits) -> None:
    ended = begin(digits, sky(1), *COMMAND, "--json", command="plan").wait()
    shown = json.loads(ended.stdout)["variables"]
    assert shown["SM_HOSTS"] == {"value": '["127.0.0.1","127.0.0.2"]', "source": "variable SKYPILOT_NODE_IPS"}
    assert shown["SM_CURRENT_HOST"]["value"] == "127.0.0.2"
    assert shown["SM_HP_EPOCHS"]["value"] == "5"
    assert list((digits.folder / ".smc/jobs").iterdir()) == []


def test_the_platform_s_own_places_are_used_and_the_outcome_stays_in_the_folder(digits) -> None:
    vertex = {
        "CLOUD_ML_JOB_ID": "98765",
        "AIP_MODEL_DIR": f"{digits.folder}/bucket/model",
        "AIP_CHECKPOINT_DIR": f"{digits.folder}/bucket/checkpoints",
        "AIP_TRAINING_DATA_URI": f"{digits.folder}/data",
    }
    first = begin(digits, vertex, "train.py", "-p", "epochs=5").wait()
    assert first.exit_code == 0, first.stderr
    host = printed(first)["host"]
    assert (digits.folder / "bucket/model/weights").exists()
    assert (digits.folder / "bucket/checkpoints" / host).exists()
    top = digits.folder / ".smc/jobs/train-98765"
    assert (top / "model/weights").exists()
    assert (top / "output/success").exists()
    plan = json.loads(begin(digits, vertex, *COMMAND, "--json", command="plan").wait().stdout)["variables"]
    assert plan["SM_MODEL_DIR"] == {"value": vertex["AIP_MODEL_DIR"], "source": "variable AIP_MODEL_DIR"}
    assert plan["SM_CHECKPOINT_DIR"]["source"] == "variable AIP_CHECKPOINT_DIR"
    assert plan["SM_CHANNEL_TRAINING"]["source"] == "inputdataconfig.json: training"  # -c is the more specific one


@pytest.mark.parametrize("name", ["AIP_MODEL_DIR", "AIP_CHECKPOINT_DIR", "AIP_TENSORBOARD_LOG_DIR"])
@pytest.mark.parametrize("arguments", [("train.py", "-p", "epochs=5"), ()])
def test_a_place_that_cannot_be_written_is_named(digits, name: str, arguments: tuple[str, ...]) -> None:
    digits.write("file")
    variables = {"CLOUD_ML_JOB_ID": "98765", name: f"{digits.folder}/file/below"}
    if not arguments:
        digits.write("base/code/train.py", LOOK)
        variables |= {"SAGEMAKER_BASE_DIR": f"{digits.folder}/base", "SAGEMAKER_PROGRAM": "train.py"}
    ended = begin(digits, variables, *arguments).wait()
    assert ended.exit_code == 2
    assert f"variable {name}: the folder {digits.folder}/file/below cannot be created: Not a directory" in ended.stderr


def test_resume_takes_the_checkpoints_of_another_job_on_all_hosts(digits) -> None:
    together(digits, [sky(0), sky(1)], *COMMAND)
    ended = together(digits, [sky(0, job="sky-2"), sky(1, job="sky-2")], "--resume", "train-sky-1-train")
    assert [each.exit_code for each in ended] == [0, 0], ended
    assert all(set(printed(each)["before"]) == {"127.0.0.1", "127.0.0.2"} for each in ended)


def test_a_job_that_runs_on_another_machine_is_not_called_lost(digits) -> None:
    begin(digits, sky(0, count=1), *COMMAND).wait()
    path = digits.folder / ".smc/jobs/train-sky-1-train/job.json"
    record = json.loads(path.read_text())
    for machine, status in ((record["machine"], "lost"), ("elsewhere pid:[1]", "running")):
        path.resolve().write_text(json.dumps({**record, "status": "running", "ended": None, "machine": machine}))
        assert [job["status"] for job in digits.jobs()] == [status]


def test_a_working_directory_that_cannot_be_written_is_no_obstacle_for_a_job_dir(digits, tmp_path: Path) -> None:
    digits.write(".smc", "in the way")  # as for root, who may write to a read-only folder
    ended = begin(digits, sky(0, count=1), *COMMAND, "--job-dir", str(tmp_path / "job")).wait()
    assert ended.exit_code == 0, ended.stderr
    assert (tmp_path / "job/output/success").exists()


RACE = """
import multiprocessing, os, sys
from smc_core.local.request import Request
from smc_core.local.record import Record
from smc_core.local.shared import fill, open_shared, publish, whole_or_removed
from smc_core.local.site import Site

HOSTS, ROUNDS = 8, 50

def host(rank, barrier):
    for number in range(ROUNDS):
        site = Site("slurm", str(number // 2), tuple(f"node{each}" for each in range(HOSTS)), rank)
        barrier.wait()
        shared = open_shared(site, Request("/train.py"), "train", None, f"job-{number // 2}" if number % 4 < 2 else None)
        with whole_or_removed(shared):
            fill(shared, site, Request("/train.py"), None)
            record = Record(shared.name, shared.attempt, Request("/train.py"), shared.name, site=site.to_json())
            publish(shared, site)
        record.status = "completed"
        record.save()
        open(f"{shared.attempt}/checkpoints/{rank}-{number}", "x").close()

if __name__ == "__main__":
    barrier = multiprocessing.Barrier(HOSTS)
    hosts = [multiprocessing.Process(target=host, args=(rank, barrier)) for rank in range(HOSTS)]
    [each.start() for each in hosts]
    [each.join() for each in hosts]
    sys.exit(any(each.exitcode for each in hosts))
"""


def test_eight_hosts_race_for_one_folder_fifty_times(tmp_path: Path) -> None:
    (tmp_path / "race.py").write_text(RACE)
    ended = subprocess.run([sys.executable, "race.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for job in range(25):
        top = tmp_path / (f"job-{job}" if job % 2 == 0 else f".smc/jobs/train-{job}")
        assert json.loads((top / "platform.json").read_text()) == {"platform": "slurm", "job": str(job)}
        for rank in range(8):
            runs = sorted(path.name for path in (top / f"rank-{rank}").glob("attempt-*"))
            assert runs == ["attempt-0", "attempt-1"]
            assert (top / f"rank-{rank}/attempt-1/input/config/hyperparameters.json").exists()
            assert os.readlink(top / f"rank-{rank}/job.json") == "attempt-1/job.json"
        assert len(list((top / "checkpoints").iterdir())) == 16
        assert [path for path in top.iterdir() if path.name.startswith(".platform")] == []


def test_two_jobs_race_for_one_folder_and_one_gets_it(tmp_path: Path) -> None:
    race = RACE.replace("str(number // 2)", 'f"{number}-{rank % 2}"').replace(
        'f"job-{number // 2}" if number % 4 < 2 else None', 'f"job-{number}"'
    )
    race = race.replace("        shared = open", "        try: shared = open").replace(
        "        with whole",
        "        except Exception as error:\n            assert 'belongs to' in str(error), error\n"
        "            continue\n        with whole",
    )
    (tmp_path / "race.py").write_text(race)
    ended = subprocess.run([sys.executable, "race.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for number in range(50):
        owner = json.loads((tmp_path / f"job-{number}/platform.json").read_text())["job"]
        ranks = {path.name for path in (tmp_path / f"job-{number}").glob("rank-*")}
        assert ranks == {f"rank-{rank}" for rank in range(8) if owner == f"{number}-{rank % 2}"}


def test_eight_hosts_run_a_job_at_the_same_time(digits) -> None:
    hosts = [sky(rank, count=8) for rank in range(8)]
    ended = together(digits, hosts, *COMMAND)
    assert [each.exit_code for each in ended] == [0] * 8, ended
    top = digits.folder / ".smc/jobs/train-sky-1-train"
    assert len(list((top / "model").iterdir())) == 9
    assert (top / "output/success").exists()
    assert sum("several hosts have written" in each.stderr for each in ended) == 1


def test_azure_uploads_the_model_from_the_outputs_of_the_working_directory(digits) -> None:
    azure = {"AZUREML_RUN_ID": "run_1", "AZURE_ML_INPUT_training": f"{digits.folder}/data"}
    ended = begin(digits, azure, "train.py", "-p", "epochs=5").wait()
    assert ended.exit_code == 0, ended.stderr
    assert (digits.folder / "outputs/model/weights").exists()
    base = Path(printed(ended)["base"])
    assert (base / "output/tensorboard").resolve() == digits.folder / "logs/tensorboard"
    named = {**azure, "AZURE_ML_OUTPUT_model": f"{digits.folder}/named"}
    assert begin(digits, named, "train.py", "-p", "epochs=6").wait().exit_code == 0
    assert (digits.folder / "named/weights").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train.py", "-p", "epochs"), "-p epochs: expected NAME=VALUE"),
        (("train.py", "--hosts", "many"), "argument --hosts: invalid int value: 'many'"),
        (("absent.py", "-p", "epochs=5"), "there is no"),
    ],
)
def test_what_is_refused_is_said_where_the_platform_reads_it(digits, arguments: tuple[str, ...], message: str) -> None:
    digits.write("reason")
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SMC_TERMINATION_LOG": f"{digits.folder}/reason"}
    ended = begin(digits, pod, *arguments).wait()
    assert ended.exit_code in (2, 4)
    assert message in (digits.folder / "reason").read_text()


WAIT = "import os, time\nprint(os.environ['SAGEMAKER_BASE_DIR'], flush=True)\nwhile True: time.sleep(0.05)\n"


def test_an_attempt_that_overlaps_the_one_before_leaves_it_alone(digits) -> None:
    """Kubernetes starts another pod while the old one is still stopping."""
    digits.write("train.py", WAIT)
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "0", "HOSTNAME": "digits-0"}
    top = digits.folder / ".smc/jobs/train-digits-0"
    old = begin(digits, pod, "train.py")
    old.wait_until(lambda: "attempt-0" in old.stdout)
    record = json.loads((top / "job.json").read_text())
    (top / "attempt-0/job.json").write_text(json.dumps({**record, "machine": "digits-0 pid:[1]"}))  # another pod's
    new = begin(digits, pod, "train.py")
    new.wait_until(lambda: "attempt-1" in new.stdout)
    old.send(signal.SIGTERM)
    assert old.wait().exit_code == 143
    assert "SIGTERM" in (top / "attempt-0/output/failure").read_text()
    assert sorted(path.name for path in (top / "output").iterdir() if not path.name.startswith(".")) == ["data"]
    assert [job["status"] for job in digits.jobs()] == ["running"]
    new.send(signal.SIGTERM)
    assert new.wait().exit_code == 143
    assert [job["status"] for job in digits.jobs()] == ["stopped"]


def test_the_same_command_beside_one_that_still_runs_is_another_job(digits) -> None:
    digits.write("train.py", WAIT)
    alone = sky(0, count=1)
    first = begin(digits, alone, "train.py")
    first.wait_until(lambda: "/train-sky-1-train/" in first.stdout)
    second = begin(digits, alone, "train.py")
    second.wait_until(lambda: "/train-sky-1-train-2/attempt-0" in second.stdout)
    for running in (first, second):
        running.send(signal.SIGTERM)
        assert running.wait().exit_code == 143
