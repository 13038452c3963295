"""Every test of a backend runs in interpreters of its own: Keras takes one backend for life."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.kit import is_installed
from smc_keras.backend import BACKENDS

pytest_plugins = ["smc_core.testing.fixtures"]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the backend nor the ``keras.json`` of whoever runs the tests."""
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each backend that is installed, which the test's processes use."""
    name: str = request.param
    take(name, monkeypatch)
    return name


@pytest.fixture
def lone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the test's processes use a backend, and have no other, as in an image."""

    def choose(backend: str) -> None:
        take(backend, monkeypatch)
        if backend != "tensorflow":  # Keras imports every TensorFlow that it finds, and that takes seconds
            hidden = tmp_path / "hidden"
            hidden.mkdir()
            (hidden / "tensorflow.py").write_text("raise ImportError('this image has another backend')\n")
            monkeypatch.setenv("PYTHONPATH", str(hidden))

    return choose


@pytest.fixture
def some_backend(lone: Callable[[str], None]) -> str:
    """The name of the quickest backend that is installed, where it does not matter which."""
    found = [name for name in ("jax", "tensorflow", "torch") if is_installed(name)]
    lone(next(iter(found), "jax"))
    return found[0]


def take(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_installed("keras") or not is_installed(backend):
        pytest.skip(f"Keras on {backend} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # PyTorch's threads, on a busy machine, wait for each other
