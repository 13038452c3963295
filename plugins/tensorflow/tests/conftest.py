"""Tests of the TensorFlow plugin. Those that train run ``smc run`` in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_tensorflow import load_model

pytest_plugins = ["smc_core.testing.fixtures"]

EXAMPLE = Path(__file__).parents[3] / "examples" / "tensorflow_digits"
DIGITS = EXAMPLE.parent / "digits"
_SETTINGS = ("TF_CONFIG", "SMC_LAUNCHER", "SMC_MASTER_PORT")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster of whoever runs the tests, and no lines of TensorFlow's but warnings."""
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tf() -> Any:
    """TensorFlow, imported into this process; the variables that it sets are not left to the tests."""
    if not is_installed("tensorflow"):
        pytest.skip("TensorFlow is not installed")
    with mock.patch.dict(os.environ, TF_CPP_MIN_LOG_LEVEL="1"):
        import tensorflow
    return tensorflow


@pytest.fixture(scope="session")
def digits(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job folder with the digits, as the example writes it."""
    if not is_installed("sklearn"):
        pytest.skip("scikit-learn, which brings the digits, is not installed")
    job = JobFolder(tmp_path_factory.mktemp("digits"))
    command = [sys.executable, str(DIGITS / "prepare_data.py"), str(job.base)]
    subprocess.run(command, env=job.environ(), capture_output=True, text=True, timeout=300, check=True)
    return job


@pytest.fixture
def accuracy(tf: Any) -> Callable[[JobFolder], float]:
    """Measures the model that a job has saved on digits that it was not trained on."""

    def measure(job: JobFolder) -> float:
        import numpy as np

        data = np.load(job.base / "input/data/validation/digits.npz")
        model = load_model(job.base / "model")
        (predicted,) = model.signatures["serving_default"](tf.constant(data["features"])).values()
        return float((predicted.numpy().argmax(axis=1) == data["labels"]).mean())

    return measure
