"""``mpirun`` or a daemon of it, with the ranks that it starts on this host: their signals, and their exit code.

``mpirun`` does not pass SIGTERM on, but ends the job within a second; and where a rank fails, its own exit code is not
always the rank's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

import psutil

from smc_core.contract import REPORT_DIR_ENV
from smc_core.process.report_reader import read_reports
from smc_mpi import failures

RANK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rank.py")
"""The program that each rank runs below."""
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run(command: Sequence[str]) -> int:
    """Run ``mpirun``, or a daemon, and pass signals on to the ranks below it.

    Returns:
        Its exit code, or that of the rank that failed first on this host.

    """
    started = subprocess.Popen(list(command))  # noqa: S603 - an argument list

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(psutil.Error):  # it has ended by now
            for process in _ranks_below(started.pid) or [psutil.Process(started.pid)]:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    code = started.wait()
    if code or failures.noted():  # else a report is of a child that a program has seen to
        reports = read_reports(os.environ.get(REPORT_DIR_ENV))
        if reports:
            return reports[0].exit_code or 1
    return code if code >= 0 else 128 - code


def _ranks_below(pid: int) -> list[psutil.Process]:
    """The processes of ``rank.py`` that a process has started; none while there are none yet."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if RANK in process.cmdline()[1:2]:
                found.append(process)
    return found
