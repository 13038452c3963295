"""``mpirun`` or one of its daemons, and the ranks that it starts on this host: their signals, and their exit code.

``mpirun`` does not pass SIGTERM on, but kills the job within a second. If a rank fails, the exit code of ``mpirun`` is
not always the rank's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Literal

import psutil

from smc_core.contract import REPORT_DIR_ENV
from smc_core.kit import (
    HARMLESS_SIGNALS,
    Inbox,
    exit_code,
    first_report,
    log_line,
    report_for_another,
    run_child,
)
from smc_mpi import failures
from smc_mpi.programs import RANK

_SESSION_FOLDERS = ("PRTE_MCA_prte_{}_tmpdir_base", "OMPI_MCA_orte_{}_tmpdir_base")


class Engine:
    """``mpirun``, or one of its daemons on another host.

    Args:
        command: the command line.
        place: ``local`` for ``mpirun``, ``remote`` for a daemon, as Open MPI's settings call them.

    """

    def __init__(self, command: Sequence[str], place: Literal["local", "remote"]) -> None:
        self._place = place
        self._command = list(command)
        self._name = os.path.basename(command[0])
        self._asked: list[int] = []
        self._inbox = Inbox()

    def run(self) -> int:
        """Run it until it exits.

        Returns:
            Its exit code, or the exit code of the rank that failed first on this host.

        Raises:
            CodeError: it cannot be started.

        """
        environ = _own_session(os.environ, self._place)
        code = exit_code(run_child(self._command, environ=environ, send=self._send, inbox=self._inbox))
        left = None if self._asked else failures.left()
        if left is not None and failures.noted(failures.ABORTED):
            report_for_another(f"rank {left[0]} {failures.LEFT_EARLY}", exit_code=1, rank=left[0], at=left[1])
            return 1
        if code or failures.noted(failures.FAILED):  # otherwise a report is about a child that a program has dealt with
            found = first_report()
            if found is not None:
                return found.exit_code or 1
        aborted = failures.noted(failures.ABORTED)
        if not self._asked and aborted and aborted[0].isdecimal():
            why = "with which Open MPI aborts a rank that has lost another one"
            words = f"rank {aborted[0]} ended with exit code {failures.PEER_IS_LOST}, {why}"
            report_for_another(words, exit_code=code, rank=int(aborted[0]))
        elif not self._asked and failures.noted(failures.ENDED):
            code = code or 1  # mpirun exits with 0 after MPI_Abort(0)
            if left is not None:
                report_for_another(f"rank {left[0]} {failures.LEFT_EARLY}", exit_code=code, rank=left[0], at=left[1])
            else:
                words = f"{self._name} ended the ranks of this host, as one of another host failed"
                report_for_another(words, exit_code=code)
        return code

    @property
    def may_start_again(self) -> bool:
        """Whether it has exited unasked, before any rank of this host has begun."""
        return not self._asked and not failures.noted(failures.BEGUN)

    def start_again(self, code: int) -> int:
        """Run it again and log why: Open MPI occasionally fails during its own start.

        Args:
            code: its exit code.

        """
        log_line(f"{self._name} ended with exit code {code} before any rank began: starting it again, once")
        return self.run()

    def report(self, code: int) -> None:
        """Report that it has failed, if nothing else has reported why."""
        if code and not self._asked and first_report() is None:
            began = "" if failures.noted(failures.BEGUN) else " before any rank began"
            words = f"{self._name} ended with exit code {code}{began}; it says why in the log"
            report_for_another(words, exit_code=code)

    def _send(self, pid: int, number: int) -> None:
        """Send a signal to the ranks, or to ``mpirun`` itself while there are none yet."""
        if number not in HARMLESS_SIGNALS:
            self._asked.append(number)
        with contextlib.suppress(psutil.Error):  # it has exited by now
            for process in _ranks_below(pid) or [psutil.Process(pid)]:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)


def _own_session(environ: Mapping[str, str], place: str) -> dict[str, str]:
    """Variables that make Open MPI keep its session in this job's own folder.

    In ``/tmp`` it is named after host and process id; if containers share that folder, another job may have the same.
    """
    folder = environ.get(REPORT_DIR_ENV)
    return {**{name.format(place): folder for name in _SESSION_FOLDERS if folder}, **environ}


def _ranks_below(pid: int) -> list[psutil.Process]:
    """The processes of ``rank.py`` below a process; none until it has started them."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if RANK in process.cmdline()[1:2]:
                found.append(process)
    return found
