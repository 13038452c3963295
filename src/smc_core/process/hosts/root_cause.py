"""What one host of several reports to the others when its command has failed: its candidate for the root cause."""

from __future__ import annotations

import os
import signal
import time

from smc_core.contract import REPORT_DIR_ENV
from smc_core.process import diagnosis
from smc_core.process.hosts.messages import Cause
from smc_core.process.outcome import ending
from smc_core.process.outcome import text as outcome_text
from smc_core.process.report import reader

_SOFT = {signal.SIGABRT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE}
"""Signals that kill processes as a consequence: frameworks abort, for example, when they lose another process."""


def own_cause(host: str, pid: int, status: int, before: diagnosis.Memory) -> Cause:
    """How a command ended here, as the supervisor will report it.

    Args:
        host: name of this host.
        pid: the command's process.
        status: its exit code, or the signal that killed it as a negative number.
        before: the memory of this host before the command started.

    """
    found = reader.job_reports()
    memory = diagnosis.memory()
    known = ending.Ending(
        status=status,
        pid=pid,
        reports=found,
        note=reader.read_command(os.environ.get(REPORT_DIR_ENV)),
        oom_kills=(memory.kills or 0) - (before.kills or 0),
        memory_limit=memory.limit,
        memory_peak=memory.peak,
    )
    is_explained = bool(found) or status < 0 or known.oom_kills
    text = outcome_text.outcome(known).first_line if is_explained else f"exit code {status}"
    number = -status if status < 0 else status - 128
    sudden = number in signal.valid_signals() and number not in _SOFT
    first = found[0] if found else None
    when = time.time() if first is None else first.time
    return Cause(host, first.rank if first else None, when, sudden, text)
