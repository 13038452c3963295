"""Thousands of stops at random moments, of each kind of job: ``nox -s soak``. SMC_TEST_STOPS says how many."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.process import stops
from tests.process.jobs import SUPERVISE, pid_namespace

from smc_core.testing.running import processes_with

COUNT = int(os.environ.get("SMC_TEST_STOPS", "2000"))
SEED = int(os.environ.get("SMC_TEST_SEED") or random.randrange(2**32))


def _check(outcomes: Iterable[stops.Outcome], count: int, folder: Path) -> None:
    found = list(outcomes)
    assert len(found) == count
    assert [outcome for outcome in found if not outcome.is_true] == [], f"SMC_TEST_SEED={SEED}"
    assert list(processes_with("SMC_TEST_MARK", str(folder))) == []
    assert os.listdir(folder / "tmp") == []


def test_the_supervisor_alone(tmp_path: Path) -> None:
    _check(stops.of_the_supervisor(COUNT, SEED, tmp_path), COUNT, tmp_path)


def test_pid_1(tmp_path: Path) -> None:
    namespace = pid_namespace()
    _check(stops.of_pid_1(COUNT // 4, SEED, tmp_path, namespace), COUNT // 4, tmp_path)


def test_local_jobs(tmp_path: Path) -> None:
    _check(stops.of_local_jobs(COUNT // 4, SEED, tmp_path), COUNT // 4, tmp_path)


def test_all_exit_codes(tmp_path: Path) -> None:
    for code in range(256):
        base = tmp_path / str(code)
        base.mkdir()
        ended = subprocess.run(
            [sys.executable, "-c", SUPERVISE, str(base), "sh", "-c", f"exit {code}"],
            env=stops.environment(tmp_path),
            capture_output=True,
        )
        assert ended.returncode == code
        assert os.listdir(base / "output") == (["failure"] if code else ["success"])
