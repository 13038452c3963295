"""What a host reports to the others of its own failure, by which they decide which one was the first."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from smc_core.process import diagnosis
from smc_core.process.failure import report_failure
from smc_core.process.hosts.root_cause import own_cause

MEMORY = diagnosis.memory()


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMC_REPORT_DIR", str(tmp_path))
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path


def test_an_exception_counts_from_when_it_was_raised_though_its_process_exits_later() -> None:
    before = time.time()
    try:
        raise ValueError("bad batch")
    except ValueError as error:
        report_failure(error, phase="train")
    after = time.time()
    cause = own_cause("algo-2", 1, 1, MEMORY)
    assert (cause.host, cause.rank, cause.sudden) == ("algo-2", None, False)
    assert cause.text.startswith("ValueError: bad batch")
    assert before <= cause.time <= after


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGSEGV, 128 + signal.SIGKILL])
def test_a_signal_from_outside_is_sudden(status: int) -> None:
    """Who is killed so could not say when; it comes before the errors that its death brought about."""
    assert own_cause("algo-2", 1, status, MEMORY).sudden


@pytest.mark.parametrize("status", [1, 5, 127, -signal.SIGABRT, -signal.SIGTERM, 128 + signal.SIGTERM, 255])
def test_what_a_framework_does_to_itself_when_it_loses_another_rank_is_not(status: int) -> None:
    assert not own_cause("algo-2", 1, status, MEMORY).sudden


@pytest.mark.parametrize(
    ("status", "text"), [(3, "exit code 3"), (-signal.SIGKILL, "Killed by SIGKILL"), (-signal.SIGSEGV, "Killed by SIG")]
)
def test_without_a_report_the_end_is_what_there_is_to_say(status: int, text: str) -> None:
    assert own_cause("algo-2", 1, status, MEMORY).text.startswith(text)
