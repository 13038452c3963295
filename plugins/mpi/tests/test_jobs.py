"""Real ranks of Open MPI: digits learnt on one host and on two, and what is told where a rank fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_core.testing.hosts import Host, Hosts

pytestmark = pytest.mark.skipif(
    shutil.which("mpirun", path=os.path.dirname(sys.executable)) is None or not is_installed("mpi4py"),
    reason="Open MPI and mpi4py are not installed",
)
ROOT = Path(__file__).parents[3]
PATH = f"{os.path.dirname(sys.executable)}:/usr/bin:/bin"


def program() -> str:
    """The program of the README."""
    text = (ROOT / "plugins/mpi/README.md").read_text()
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job folder with the digits."""
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, ROOT / "examples/digits/prepare_data.py", folder], check=True)
    return folder


def give(job: JobFolder, digits: Path) -> None:
    for name in ("input/data", "input/config/inputdataconfig.json"):
        copy = shutil.copytree if (digits / name).is_dir() else shutil.copy
        if (job.base / name).is_dir():
            shutil.rmtree(job.base / name)
        copy(digits / name, job.base / name)


def accuracy(weights: Path, digits: Path) -> float:
    data = np.load(digits / "input/data/validation/digits.npz")
    return float(((data["features"] @ np.load(weights)).argmax(axis=1) == data["labels"]).mean())


def test_digits_are_learnt_by_two_ranks_on_one_host(job: JobFolder, digits: Path) -> None:
    give(job, digits)
    job.hyperparameters(sagemaker_mpi_enabled=True, epochs=200, sagemaker_mpi_num_of_processes_per_host=2)
    ended = job.code(train_py=program()).run("train.py", PATH=PATH)
    assert ended.exit_code == 0, ended.stderr
    assert accuracy(job.base / "model/weights.npy", digits) >= 0.93


def test_an_environment_need_not_be_activated(job: JobFolder) -> None:
    """Neither ``mpirun`` nor its daemons are on PATH; they are beside the interpreter."""
    code = "from mpi4py import MPI\nprint('ranks', MPI.COMM_WORLD.allreduce(1))"
    ended = job.code(train_py=code).run(
        "train.py", PATH="/usr/bin:/bin", SMC_LAUNCHER="mpi", SMC_PROCESSES_PER_HOST="2"
    )
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.splitlines() == ["ranks 2"] * 2


def test_digits_are_learnt_by_four_ranks_on_two_hosts(hosts: Hosts, digits: Path) -> None:
    made = hosts.make(2)
    for host in made:
        give(host.job, digits)
        host.job.code(train_py=program()).hyperparameters(
            sagemaker_mpi_enabled=True, epochs=200, sagemaker_mpi_num_of_processes_per_host=2
        )
    for ended in hosts.run("train.py", PATH=PATH):
        assert ended.exit_code == 0, ended.stderr
        assert ended.success
    assert accuracy(made[0].job.base / "model/weights.npy", digits) >= 0.93
    assert not list((made[1].job.base / "model").iterdir())


WHO = """
import os, signal, sys, time
from mpi4py import MPI
world = MPI.COMM_WORLD
print(world.rank, world.size, os.environ["SM_CURRENT_HOST"], world.allreduce(1), sys.argv[1:], flush=True)
"""


def start(hosts: Hosts, code: str, **variables: str) -> list[Host]:
    made = hosts.make(2)
    for host in made:
        host.job.code(train_py=code).hyperparameters(word="$(id) `id` ; 'x'")
    hosts.start("train.py", PATH=PATH, SMC_LAUNCHER="mpi", SMC_PROCESSES_PER_HOST="2", **variables)
    return made


def test_every_rank_has_the_variables_of_its_own_host_and_arguments_unharmed(hosts: Hosts, tmp_path: Path) -> None:
    """In two jobs at once, whose hosts have the same names and process ids: neither meets the other's segments."""
    arguments = ["--word", "$(id) `id` ; 'x'"]
    with Hosts(tmp_path / "others") as others:
        for one, two in [start(hosts, WHO), start(others, WHO)]:
            ended = one.wait()
            assert ended.exit_code == two.wait().exit_code == 0, ended.stderr
            assert sorted(ended.stdout.splitlines()) == [
                f"{rank} 4 {host} 4 {arguments}" for rank, host in enumerate(["algo-1", "algo-1", "algo-2", "algo-2"])
            ]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("raise ValueError('bad batch')", "ValueError: bad batch (train.py:6, in <module>)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ChildProcessError: rank 3 was killed by SIGKILL"),
        ("sys.exit(7)", "sys.exit(7) was called (train.py:6, in <module>)"),
    ],
)
def test_the_rank_that_failed_is_named_on_every_host(hosts: Hosts, fault: str, cause: str) -> None:
    made = start(hosts, f"{WHO}if world.rank == 3: {fault}\nworld.barrier()\n")
    one, two = (host.wait() for host in made)
    assert two.failure is not None
    assert one.failure is not None
    assert two.failure.splitlines()[0] == cause
    assert one.failure.splitlines()[0] == f"HostError: host algo-2, rank 3: {cause}"
    assert one.exit_code != 0
    assert two.exit_code == {"r": 1, "o": 137, "s": 7}[fault[0]]


@pytest.mark.parametrize(
    ("fault", "cause", "code"),
    [
        ("os._exit(7)", "ended with exit code 7, without an exception", 7),
        ("world.Abort(5)", r"ended (by MPI_Abort with error code 5|with exit code 5, without an exception)", 5),
        (
            "world.Abort(0)",
            r"ended (by MPI_Abort with error code 0|with exit code 0 before the others, by MPI_Abort .*)",
            1,
        ),
        ("os._exit(0)", "ended with exit code 0 before the others, by MPI_Abort or without MPI_Finalize", 1),
    ],
)
def test_a_rank_that_leaves_without_an_exception_is_named_and_fails_the_job(
    job: JobFolder, fault: str, cause: str, code: int
) -> None:
    job.code(train_py=f"{WHO}if world.rank == 1: {fault}\nworld.barrier()\n")
    ended = job.run("train.py", PATH=PATH, SMC_LAUNCHER="mpi", SMC_PROCESSES_PER_HOST="2")
    first = (ended.failure or "").splitlines()[0]
    assert re.fullmatch(f"ChildProcessError: rank 1 {cause}", first), ended.stderr
    assert ended.exit_code == code
    assert not ended.success


def test_a_rank_that_aborts_with_0_fails_the_job_on_every_host(hosts: Hosts) -> None:
    one, two = start(hosts, f"{WHO}if world.rank == 3: world.Abort(0)\nworld.barrier()\n")
    first = (two.wait().failure or "").splitlines()[0]
    assert first.startswith("ChildProcessError: rank 3 ended "), two.wait().stderr
    assert "MPI_Abort" in first
    assert (one.wait().failure or "").splitlines()[0] == f"HostError: host algo-2, rank 3: {first}"
    assert not one.wait().success


ENGINE = """#!/bin/sh
echo ---------------- >&2
[ -e {again} ] && exec {mpirun} "$@"
touch {again}
echo 'The PMIx server listener thread failed to start.' >&2
echo ---------------- >&2
exit 213
"""
"""An ``mpirun`` that fails at its first start, as Open MPI itself does now and then."""


@pytest.mark.parametrize("times", [1, 2])
def test_an_engine_that_fails_before_any_rank_has_begun_is_started_once_more(
    job: JobFolder, tmp_path: Path, times: int
) -> None:
    real = shutil.which("mpirun", path=PATH)
    own = tmp_path / "bin/mpirun"
    own.parent.mkdir()
    own.write_text(ENGINE.format(again=tmp_path / "again", mpirun=real if times == 1 else "/bin/false"))
    own.chmod(0o755)
    job.code(train_py=WHO)
    ended = job.run("train.py", PATH=f"{own.parent}:{PATH}", SMC_LAUNCHER="mpi")
    assert ended.stderr.count("mpirun ended with exit code 213 before any rank began: starting it again, once") == 1
    if times == 1:
        assert ended.exit_code == 0, ended.stderr
    else:
        assert ended.exit_code == 1
        assert (ended.failure or "").splitlines()[0] == (
            "ChildProcessError: mpirun ended with exit code 1 before any rank began; it says why in the log"
        )


def test_a_rank_of_the_master_that_fails_is_named_on_the_other_host(hosts: Hosts) -> None:
    one, two = start(hosts, f"{WHO}if world.rank == 1: raise ValueError('bad batch')\nworld.barrier()\n")
    assert (one.wait().failure or "").startswith("ValueError: bad batch (train.py:6, in <module>)")
    assert one.wait().exit_code == 1
    assert (two.wait().failure or "").startswith("HostError: host algo-1, rank 1: ValueError: bad batch")
    assert two.wait().exit_code == 5


def test_a_stop_reaches_every_rank(hosts: Hosts) -> None:
    code = f"""{WHO}
def save(*_):
    open(os.path.join(os.environ["SM_MODEL_DIR"], f"checkpoint-{{world.rank}}"), "w").close()
    MPI.Finalize()
    os._exit(0)
signal.signal(signal.SIGTERM, save)
print("training", flush=True)
while True: time.sleep(0.1)
"""
    made = start(hosts, code)
    made[0].wait_until(lambda: made[0].output().count("training") == 4)
    for host in made:
        host.stop()
    for rank, host in enumerate(made):
        ended = host.wait()
        assert ended.exit_code == 0, ended.stderr
        assert sorted(path.name for path in (host.job.base / "model").iterdir()) == [
            f"checkpoint-{2 * rank}",
            f"checkpoint-{2 * rank + 1}",
        ]


def test_a_stop_leaves_an_executable_the_time_to_save(job: JobFolder) -> None:
    save = """
import os, signal, sys, time
def save(*_):
    time.sleep(3)
    open(os.path.join(os.environ["SM_MODEL_DIR"], "checkpoint"), "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, save)
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "begun"), "w").close()
while True: time.sleep(0.1)
"""
    job.code(train_py=save, run_sh=f"#!/bin/sh\ntrap : TERM\n{sys.executable} train.py\n")
    running = job.start("run.sh", PATH=PATH, SMC_LAUNCHER="mpi")
    running.wait_until((job.base / "output/data/begun").exists)
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.exit_code == 0, ended.stderr
    assert (job.base / "model/checkpoint").exists()


def test_a_child_whose_failure_the_program_has_seen_to_fails_no_job(job: JobFolder) -> None:
    code = "import os, sys\nif os.fork() == 0: sys.exit(3)\nos.wait()\nprint('trained')\n"
    ended = job.code(train_py=code).run("train.py", PATH=PATH, SMC_LAUNCHER="mpi")
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    assert ended.stdout == "trained\n"


def test_a_program_that_cannot_be_started(job: JobFolder) -> None:
    job.code(run_sh="#!/no/such/interpreter\n")
    (job.base / "code/run.sh").chmod(0o755)
    ended = job.run("run.sh", PATH=PATH, SMC_LAUNCHER="mpi")
    assert ended.exit_code == 4, ended.stderr
    assert (ended.failure or "").startswith("CodeError: ")
    assert "cannot be started" in (ended.failure or "")
