"""The example: its programs learn the digits alone, in two processes, and in two processes on each of two hosts."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder, JobResult
from smc_core.testing.hosts import Hosts

EXAMPLE = Path(__file__).parents[3] / "examples" / "pytorch_digits"
DIGITS = EXAMPLE.parent / "digits"
TWO = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "2"}

if not is_installed("torch") or not is_installed("sklearn"):
    pytest.skip("PyTorch, or scikit-learn, which brings the digits, is not installed", allow_module_level=True)


def run_program(program: Path, job: JobFolder, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), *arguments, str(job.base)]
    environ = job.environ(OMP_NUM_THREADS="1")  # the tests share the machine
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job folder with the digits, as the example writes it."""
    job = JobFolder(tmp_path_factory.mktemp("digits"))
    ended = run_program(DIGITS / "prepare_data.py", job)
    assert ended.returncode == 0, ended.stderr
    return job


def with_digits(job: JobFolder, prepared: JobFolder) -> JobFolder:
    """The digits in a job folder, whose hosts stay as they are; and the example's code."""
    for name in ("data", "config"):
        target = job.base / "input" / name
        for path in (prepared.base / "input" / name).iterdir():
            if path.name == "resourceconfig.json" and (target / path.name).exists():
                continue
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target / path.name)
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, job.base / "code")
    given = {"training_data_file": "digits.npz", "epochs": 6, "batch-size": 64, "learning-rate": "0.2", "seed": 7}
    return job.hyperparameters(**given)


@pytest.fixture(scope="module")
def evaluate() -> ModuleType:
    """The example's program that measures a model, imported here: a process of its own has to import PyTorch again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        return importlib.import_module("evaluate")


def learnt(ended: JobResult, job: JobFolder, evaluate: ModuleType) -> None:
    """The job ended well, its loss fell, and the model that it saved predicts well."""
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    losses = [float(text) for text in re.findall(r"^epoch=\d+ loss=(\S+)$", ended.stdout, re.MULTILINE)]
    assert len(losses) == 6
    assert losses[-1] < losses[0] / 3
    assert evaluate.main(job.base) == 0


def test_the_demo_alone(job: JobFolder) -> None:
    ended = run_program(DIGITS / "run.py", job, "pytorch_digits", "train.py")
    assert ended.returncode == 0, ended.stderr
    assert float(re.findall(r"accuracy: (\S+) on 360 digits", ended.stdout)[0]) >= 0.93
    assert ended.stdout.endswith(f"model: {job.base}/model/model.pt\n")
    assert {path.name for path in (job.base / "model").iterdir()} >= {"model.pt", "model.pt2"}


def test_the_function_in_two_processes(job: JobFolder, prepared: JobFolder, evaluate: ModuleType) -> None:
    learnt(with_digits(job, prepared).run("train.py", **TWO), job, evaluate)


def test_the_script_in_two_processes_on_each_of_two_hosts(
    hosts: Hosts, prepared: JobFolder, evaluate: ModuleType
) -> None:
    first, second = hosts.make(2)
    for host in (first, second):
        with_digits(host.job, prepared)
    ended, other = hosts.run("train_script.py", **TWO)
    learnt(ended, first.job, evaluate)
    assert other.exit_code == 0, other.stderr
    assert "epoch=" not in other.stdout
    assert list((second.job.base / "model").iterdir()) == []
