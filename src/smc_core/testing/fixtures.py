"""Fixtures for pytest: ``pytest_plugins = ["smc_core.testing.fixtures"]``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smc_core.testing import leaks
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


@pytest.fixture
def no_leaked_variables() -> Iterator[None]:
    """Fails the test that leaves other variables behind in this process."""
    with leaks.no_leaked_variables():
        yield


@pytest.fixture
def no_leaked_folder() -> Iterator[None]:
    """Fails the test that leaves another working folder behind."""
    with leaks.no_leaked_folder():
        yield


@pytest.fixture
def no_leaked_modules() -> Iterator[None]:
    """Fails the test that changes ``sys.path``, replaces a module, or leaves one imported whose file was temporary."""
    with leaks.no_leaked_modules():
        yield


@pytest.fixture
def no_leaked_signals() -> Iterator[None]:
    """Fails the test that leaves another handler of a signal behind, or a signal blocked."""
    with leaks.no_leaked_signals():
        yield


@pytest.fixture
def no_leaked_descriptors() -> Iterator[None]:
    """Fails the test that leaves a file, a socket or a pipe open."""
    with leaks.no_leaked_descriptors():
        yield


@pytest.fixture
def no_leaked_children() -> Iterator[None]:
    """Fails the test that leaves a child process behind, running or not waited for."""
    with leaks.no_leaked_children():
        yield


@pytest.fixture
def no_leaked_threads() -> Iterator[None]:
    """Fails the test that leaves a thread running."""
    with leaks.no_leaked_threads():
        yield


@pytest.fixture
def no_leaked_temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the test that leaves temporary files behind; it gets an empty ``TMPDIR``."""
    tmp_path_factory.getbasetemp()  # pytest's own folder is created before
    with leaks.no_leaked_temporary_files():
        yield


@pytest.fixture
def no_leaked_logging() -> Iterator[None]:
    """Fails the test that leaves a handler, a filter or another level of a logger behind."""
    with leaks.no_leaked_logging():
        yield


@pytest.fixture
def no_leaks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the test that leaves anything behind that the guards know; the message names all of it."""
    tmp_path_factory.getbasetemp()
    with leaks.no_leaks():
        yield
