"""Fixtures for pytest: ``pytest_plugins = ["smc_core.testing.fixtures"]``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smc_core.testing.hosts import Hosts, why_not
from smc_core.testing.job_folder import JobFolder

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]
"""The type of the fixture :func:`run_python`."""
_SECONDS = 300


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """An empty job folder."""
    return JobFolder(tmp_path / "ml")


@pytest.fixture
def run_python() -> RunPython:
    """Runs code in a fresh interpreter, where nothing is imported yet: ``run_python(code, *arguments, expect=0)``.

    ``expect`` is the exit code. What it gives has ``stdout`` and ``stderr``.
    """

    def run(code: str, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
        assert ended.returncode == expect, ended.stderr
        return ended

    return run


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Several hosts of one job: containers on a network of their own, or network namespaces."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(tmp_path / "hosts") as made:
        yield made
