"""The program around torchrun: how it begins, what it passes on, and what it ends with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smc_core.kit import is_installed, job_reports
from smc_core.testing import JobFolder
from smc_pytorch import torchrun
from smc_pytorch.deaths import Death
from smc_pytorch.launch import TORCHRUN

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

ONE = {"SMC_LAUNCHER": "torchrun"}


def ended(*statuses: int, asked: int | None = None) -> torchrun.Processes:
    """Processes that have ended with these statuses, in the order of their ranks."""
    processes = torchrun.Processes()
    processes.watch.deaths = [Death(rank, rank, status, time.time()) for rank, status in enumerate(statuses)]
    if asked is not None:
        processes._asked.append(asked)
    return processes


@pytest.fixture(autouse=True)
def _reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of reports of its own."""
    monkeypatch.setenv("SMC_REPORT_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("statuses", "code"), [((0, 0), 0), ((0, 3), 3), ((0, -9), 137), ((-signal.SIGSEGV, 1), 139), ((255, 0), 255)]
)
def test_the_exit_code_is_that_of_the_first_that_failed(statuses: tuple[int, ...], code: int, tmp_path: Path) -> None:
    assert torchrun._exit_code(ended(*statuses)) == code
    told = job_reports()
    assert [report.exit_code for report in told] == [code] * bool(code)


def test_what_the_agent_has_reaped_before_it_was_seen_counts(tmp_path: Path) -> None:
    processes = ended(0, 0)
    processes.statuses = {1: -signal.SIGSEGV}
    assert torchrun._exit_code(processes) == 139
    assert [report.rank for report in job_reports()] == [1]


@pytest.mark.parametrize(("statuses", "code"), [((0, 0), 0), ((-15, -15), 143), ((0, 3), 3), ((0, -9), 137)])
def test_of_a_stop_nothing_is_reported(statuses: tuple[int, ...], code: int, tmp_path: Path) -> None:
    assert torchrun._exit_code(ended(*statuses, asked=signal.SIGTERM)) == code
    assert job_reports() == []


def test_a_file_of_the_users_stands_in_for_no_module(job: JobFolder) -> None:
    job.code(train_py="import os\nprint('rank', os.environ['RANK'])", queue_py="raise SystemExit(99)")
    run = job.run("train.py", **ONE)
    assert run.exit_code == 0, run.stderr
    assert run.stdout == "rank 0\n"


def test_a_stop_before_training_has_begun(job: JobFolder) -> None:
    job.code(train_py="import time\ntime.sleep(600)")
    running = job.start("train.py", **ONE)
    running.wait_until(lambda: "launcher: torchrun" in running.stderr)
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.exit_code == 143
    assert ended.first_line.startswith("Stopped by SIGTERM")


def test_hosts_that_cannot_meet(tmp_path: Path, free_port: int) -> None:
    meet = ["--nnodes=2", "--node-rank=1", "--master-addr=127.0.0.1", f"--master-port={free_port}"]
    run = subprocess.run(
        [sys.executable, TORCHRUN, *meet, "--rdzv-conf=timeout=1", "train.py"],
        env={**os.environ, "SM_MASTER_ADDR": "127.0.0.1", "SM_MASTER_PORT": str(free_port)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 5, run.stderr
    (told,) = job_reports()
    assert told.type == "smc_core.errors.HostError"
    assert told.message.startswith(f"torchrun cannot join the hosts at 127.0.0.1:{free_port}: ")
