"""torchrun over the two nodes of a real Slurm: the digits, and a node whose process is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, cluster, missing

from smc_core.kit import is_installed

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "examples/digits"
TORCHRUN = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "1", "OMP_NUM_THREADS": "1"}
SMC = (sys.executable, "-m", "smc_core", "run")
HANGS = (
    "import os, time, torch, torch.distributed as dist\n"
    "import smc_core as smc\n"
    "with smc.pytorch.process_group():\n"
    "    dist.all_reduce(torch.ones(1))\n"
    "    open(f'ready-{os.environ[\"RANK\"]}', 'w').write(str(os.getpid()))\n"
    "    time.sleep(3)\n"
    "    dist.all_reduce(torch.ones(1))\n"
)

if not is_installed("torch") or not is_installed("sklearn"):
    pytest.skip("PyTorch, or scikit-learn, which brings the digits, is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    why_not = missing()
    if why_not:
        pytest.skip(why_not)
    with cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


def test_one_command_trains_the_digits_on_two_nodes(slurm: Cluster, tmp_path: Path) -> None:
    subprocess.run([sys.executable, DIGITS / "prepare_data.py", tmp_path / "data"], check=True, capture_output=True)
    program = str(ROOT / "examples/pytorch_digits/train_script.py")
    data = tmp_path / "data/input/data"
    given = ["-c", f"training={data}/training", "-p", "epochs=6", "-p", "batch-size=64", "-p", "learning-rate=0.2"]
    place = ["--job-dir", str(tmp_path / "job"), "--no-requirements"]
    step = slurm.srun(tmp_path, "-N2", "--ntasks-per-node=1", *SMC, program, *given, *place, **TORCHRUN)
    output, errors = step.communicate(timeout=240)
    assert step.returncode == 0, f"{output}\n{errors}"
    losses = [float(line.rpartition("=")[2]) for line in output.splitlines() if "epoch=" in line]
    assert len(losses) == 6  # rank 0 alone prints them
    assert losses[-1] < losses[0] / 3
    assert list((tmp_path / "job").rglob("model.pt"))


def test_a_killed_rank_ends_both_nodes_and_is_named(slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text(HANGS)
    place = ["--job-dir", str(tmp_path / "job"), "--no-requirements"]
    step = slurm.srun(tmp_path, "-N2", "--ntasks-per-node=1", *SMC, "hangs.py", *place, **TORCHRUN)
    deadline = time.monotonic() + 120
    while not (found := list(tmp_path.rglob("ready-1"))) or not found[0].read_text():
        assert step.poll() is None, step.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    subprocess.run(["kill", "-KILL", found[0].read_text()], check=True)
    killed = time.monotonic()
    _, errors = step.communicate(timeout=60)
    assert step.returncode != 0
    assert time.monotonic() - killed < 30
    reasons = {path.read_text().splitlines()[0] for path in (tmp_path / "job").rglob("output/failure")}
    cause = "ChildProcessError: rank 1 (local rank 0) was killed by SIGKILL"
    assert reasons == {cause, f"HostError: host n2, rank 1: {cause}"}, errors
    assert "n1: task 0: Exited with exit code 5" in errors
    assert "n2: task 1: Exited with exit code 137" in errors
