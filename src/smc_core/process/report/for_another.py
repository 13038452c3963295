"""A report for a process that could not write one: a signal killed it, or it ran on another host."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from smc_core.printable import cut
from smc_core.process.report.reader import read_reports
from smc_core.process.report.schema import MAX_MESSAGE
from smc_core.process.report.writer import mask_of, monotonic, write


def write_for_another(
    message: str,
    *,
    host: str,
    rank: int | None,
    type_name: str = "smc_core.errors.HostError",
    phase: str = "train",
    exit_code: int = 5,
    at: float | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Write a report for a process that could not, as one that a signal killed, or one of another host.

    It counts as the earliest of those that are there: a process that is killed cannot tell when, and what others
    reported meanwhile is what became of them by its death. Never an error.

    Args:
        message: the cause in plain words; secrets are masked.
        host: name of the host on which it happened.
        rank: the process's number in the job, where it has one.
        type_name: class of the error, which stands before the message.
        phase: what the process was doing; ``hosts`` where the job's host itself is what failed.
        exit_code: what the process has ended with.
        at: when it happened, in seconds since the epoch, where that is known; by default now.
        environ: the variables of this process.

    """
    try:
        folder = environ.get("SMC_REPORT_DIR")
        if folder:
            ahead = time.time() - monotonic()
            told = [report.monotonic for report in read_reports(folder)]
            when = min([(at or time.time()) - ahead, *told]) - 1e-3
            report = {
                "time": when + ahead,
                "monotonic": when,
                "pid": os.getpid(),
                "host": host,
                "rank": rank,
                "phase": phase,
                "kind": "platform",
                "type": type_name,
                "message": cut(mask_of(environ)(message), MAX_MESSAGE),
                "exit_call": "",
                "exit_code": exit_code,
                "expected": True,
                "traceback": "",
                "place": "",
                "child_stderr": None,
                "notes": [],
            }
            write(folder, report)
    except Exception:  # noqa: BLE001, S110 - how the job ends comes first
        pass
