"""Fixtures for pytest: ``pytest_plugins = ["smc_core.testing.fixtures"]``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smc_core.testing.hosts import Hosts, why_not
from smc_core.testing.job_folder import JobFolder
from smc_core.testing.plugin_manager import PluginManager
from smc_core.testing.running import Result, start

RunPython = Callable[..., Result]
"""The type of the fixture :func:`run_python`."""


@pytest.fixture
def job(tmp_path: Path) -> Iterator[JobFolder]:
    """An empty job folder; what still runs in it when the test ends is killed."""
    with JobFolder(tmp_path / "ml") as folder:
        yield folder


@pytest.fixture
def plugin_manager(job: JobFolder) -> PluginManager:
    """Calls hooks in the test's own process, for the job folder of the fixture ``job``."""
    return PluginManager(job)


@pytest.fixture
def run_python() -> RunPython:
    """Runs code in a fresh interpreter, where nothing is imported yet: ``run_python(code, *arguments, expect=0)``.

    ``expect`` is the exit code. It returns a :class:`Result`.
    """

    def run(code: str, *arguments: object, expect: int = 0) -> Result:
        with start([sys.executable, "-c", code, *map(str, arguments)]) as running:
            result = running.wait()
        assert result.exit_code == expect, result.stderr
        return result

    return run


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Several hosts of one job: containers on a network of their own, or network namespaces."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(tmp_path / "hosts") as made:
        yield made
