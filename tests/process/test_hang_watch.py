"""A process that has failed and does not exit, and those that look like one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.process.hosts.hang_watch import HangWatch

TIMEOUT = 30.0
FAILS = """
import sys
from smc_core.process.failure import report_failure
try:
    raise ValueError("bad batch")
except ValueError as error:
    report_failure(error, phase="train")
print("reported", flush=True)
sys.stdin.read()
"""

Process = subprocess.Popen[str]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"SMC_REPORT_DIR": str(tmp_path), "SAGEMAKER_BASE_DIR": str(tmp_path)}


@pytest.fixture
def fail(environ: dict[str, str]) -> Callable[[], Process]:
    """Starts a process that reports a failure, and stays until its stdin is closed."""

    def start() -> Process:
        process = subprocess.Popen(
            [sys.executable, "-c", FAILS], env={**os.environ, **environ}, stdin=-1, stdout=-1, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "reported\n"
        started.append(process)
        return process

    started: list[Process] = []
    yield start  # type: ignore[misc]
    for each in started:
        each.communicate("")


def test_without_a_report_nothing_hangs(environ: dict[str, str]) -> None:
    watch = HangWatch(TIMEOUT, environ)
    assert not watch.sees_hang(0.0)
    assert not watch.sees_hang(1e6)


def test_one_that_stays_hangs_after_the_time_out(environ: dict[str, str], fail: Callable[[], Process]) -> None:
    watch = HangWatch(TIMEOUT, environ)
    assert not watch.sees_hang(100.0)
    fail()
    assert not watch.sees_hang(200.0)
    assert not watch.sees_hang(200.0 + TIMEOUT - 0.1)
    assert watch.sees_hang(200.0 + TIMEOUT)
    assert watch.exit_code == 1


def test_one_that_has_exited_does_not(environ: dict[str, str], fail: Callable[[], Process]) -> None:
    """Such as a child of a command that goes on."""
    watch = HangWatch(TIMEOUT, environ)
    process = fail()
    assert not watch.sees_hang(100.0)
    process.communicate("")
    assert not watch.sees_hang(1e6)


def test_each_has_the_time_out_for_itself(environ: dict[str, str], fail: Callable[[], Process]) -> None:
    watch = HangWatch(TIMEOUT, environ)
    first = fail()
    assert not watch.sees_hang(100.0)
    fail()
    first.communicate("")
    assert not watch.sees_hang(100.0 + TIMEOUT)
    assert watch.sees_hang(100.0 + 2 * TIMEOUT)
