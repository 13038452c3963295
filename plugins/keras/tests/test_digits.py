"""The example: both of its programs train a model that a fresh process finds good enough."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.testing import JobFolder

EXAMPLE = Path(__file__).parents[3] / "examples" / "keras_digits"


def run_program(name: str, job: JobFolder) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE / name), str(job.base)]
    return subprocess.run(command, env=job.environ(), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def digits(job: JobFolder) -> JobFolder:
    """A job folder with the digits."""
    pytest.importorskip("sklearn")
    ended = run_program("prepare_data.py", job)
    assert ended.returncode == 0, ended.stderr
    return job


@pytest.mark.parametrize("program", ["train.py", "train_script.py"])
def test_the_digits_are_learnt(digits: JobFolder, backend: str, program: str) -> None:
    ended = digits.run(program, SAGEMAKER_SUBMIT_DIRECTORY=str(EXAMPLE))
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    evaluated = run_program("evaluate.py", digits)
    assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr
    found = re.search(r"accuracy: (\S+)", evaluated.stdout)
    assert found is not None
    assert float(found[1]) >= 0.95


def test_a_model_that_is_not_there(digits: JobFolder) -> None:
    pytest.importorskip("keras")
    ended = run_program("evaluate.py", digits)
    assert ended.returncode != 0
    assert "there is no Keras model" in ended.stderr
