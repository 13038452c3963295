"""The example: both of its programs train a model that a fresh process finds good enough."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder

EXAMPLE = Path(__file__).parents[3] / "examples" / "keras_digits"
DIGITS = EXAMPLE.parent / "digits"


def run_program(program: Path, job: JobFolder, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), *arguments, str(job.base)]
    return subprocess.run(command, env=job.environ(), capture_output=True, text=True, timeout=300, check=False)


def accuracy(stdout: str) -> float:
    found = re.search(r"accuracy: (\S+) on 360 digits", stdout)
    assert found is not None, stdout
    return float(found[1])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job folder with the digits, as the example writes it."""
    if not is_installed("sklearn"):
        pytest.skip("scikit-learn, which brings the digits, is not installed")
    job = JobFolder(tmp_path_factory.mktemp("digits"))
    ended = run_program(DIGITS / "prepare_data.py", job)
    assert ended.returncode == 0, ended.stderr
    return job


@pytest.fixture
def digits(job: JobFolder, prepared: JobFolder) -> JobFolder:
    """A copy of it."""
    shutil.copytree(prepared.base, job.base, dirs_exist_ok=True)
    return job


@pytest.mark.parametrize(("program", "backend"), [("train.py", "tensorflow"), ("train_script.py", "jax")])
def test_the_digits_are_learnt(digits: JobFolder, lone: Callable[[str], None], program: str, backend: str) -> None:
    lone(backend)
    hyperparameters = json.loads((digits.base / "input/config/hyperparameters.json").read_text())
    digits.raw_hyperparameters({**hyperparameters, "epochs": "10", "batch-size": "32"})
    ended = digits.run(program, SAGEMAKER_SUBMIT_DIRECTORY=str(EXAMPLE), SMC_KERAS_EXPORT="0")
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    assert [path.name for path in (digits.base / "model").iterdir()] == ["model.keras"]
    evaluated = run_program(EXAMPLE / "evaluate.py", digits)
    assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr
    assert evaluated.stdout.endswith(f"model: {digits.base}/model/model.keras\n")
    assert accuracy(evaluated.stdout) >= 0.95


def test_a_model_that_is_not_there(digits: JobFolder) -> None:
    ended = run_program(EXAMPLE / "evaluate.py", digits)
    assert ended.returncode != 0
    assert "there is no Keras model" in ended.stderr


def test_the_demo_ends_as_its_job_does(digits: JobFolder, some_backend: str) -> None:
    (digits.base / "model").rmdir()
    (digits.base / "model").touch()
    assert run_program(DIGITS / "run.py", digits, "keras_digits", "train.py").returncode == 2
