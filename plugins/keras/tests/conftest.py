"""Every test of a backend runs in interpreters of its own: Keras takes one backend for life."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.compatibility import is_installed
from smc_keras.backend import BACKENDS

pytest_plugins = ["smc_core.testing.fixtures"]

RunPython = Callable[..., str]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the backend nor the ``keras.json`` of whoever runs the tests."""
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each backend that is installed, which the test's processes use."""
    name: str = request.param
    if not is_installed("keras") or not is_installed(name):
        pytest.skip(f"Keras on {name} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # PyTorch's threads, on a busy machine, wait for each other
    return name


@pytest.fixture
def lone_backend(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each backend, in processes that have no other, as an image has."""
    leave_tensorflow_out(backend, tmp_path, monkeypatch)
    return backend


@pytest.fixture
def some_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the quickest backend that is installed, where it does not matter which; processes have no other."""
    found = [name for name in ("jax", "tensorflow", "torch") if is_installed(name)]
    if not is_installed("keras") or not found:
        pytest.skip("Keras is not installed with any backend")
    monkeypatch.setenv("KERAS_BACKEND", found[0])
    leave_tensorflow_out(found[0], tmp_path, monkeypatch)
    return found[0]


def leave_tensorflow_out(backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras imports every TensorFlow that it finds, whatever its backend, and that takes seconds."""
    if backend != "tensorflow":
        hidden = folder / "hidden"
        hidden.mkdir()
        (hidden / "tensorflow.py").write_text("raise ImportError('this image has another backend')\n")
        monkeypatch.setenv("PYTHONPATH", str(hidden))


@pytest.fixture
def run_python() -> RunPython:
    """Runs code in a fresh interpreter, arguments after it, and returns what it printed."""

    def run(code: str, *arguments: object) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run
