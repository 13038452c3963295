"""A report on behalf of a process that could not write one: a signal killed it, or it ran on another host."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from smc_core.contract import REPORT_DIR_ENV, current_host
from smc_core.printable import cut
from smc_core.process.report.reader import read_reports
from smc_core.process.report.schema import MAX_MESSAGE
from smc_core.process.report.writer import mask_of, monotonic, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


def report_for_another(
    message: str,
    *,
    exit_code: int,
    rank: int | None = None,
    host: str | None = None,
    phase: Literal["train", "hosts"] = "train",
    at: float | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Report a failure for a process that cannot do so: one that a signal killed, or one on another host.

    The report is dated earlier than all that exist: a killed process cannot say when it failed, and the failures that
    others have reported meanwhile are taken for consequences of its death. Never raises.

    Args:
        message: the cause in plain words; secrets are masked.
        exit_code: the exit code of the process, 0 to 255.
        rank: its rank in the job, where it has one.
        host: name of the host on which it happened, by default this one.
        phase: ``train`` for the failure of a child process (``ChildProcessError``); ``hosts`` where none of the user's
            processes has failed, but something that serves the job (``HostError``).
        at: when it happened, in seconds since the epoch, where that is known; by default now.
        environ: the variables of this process.

    """
    try:
        folder = environ.get(REPORT_DIR_ENV)
        if folder:
            ahead = time.time() - monotonic()
            earlier = [report.monotonic for report in read_reports(folder)]
            when = min([(at or time.time()) - ahead, *earlier]) - 1e-3
            report = {
                "time": when + ahead,
                "monotonic": when,
                "pid": os.getpid(),
                "host": host or current_host(environ),
                "rank": rank,
                "phase": phase,
                "kind": "platform",
                "type": "smc_core.errors.HostError" if phase == "hosts" else "ChildProcessError",
                "message": cut(mask_of(environ)(message), MAX_MESSAGE),
                "explanation": "",
                "details": "",
                "exit_call": "",
                "exit_code": exit_code,
                "expected": True,
                "traceback": "",
                "place": "",
                "child_stderr": None,
                "notes": [],
            }
            write(folder, report)
    except Exception:  # noqa: BLE001, S110 - a failure to report must not change how the job ends
        pass
