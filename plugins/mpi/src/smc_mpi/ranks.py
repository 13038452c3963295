"""``mpirun`` or a daemon of it, with the ranks that it starts on this host: their signals, and their exit code.

``mpirun`` does not pass SIGTERM on, but ends the job within a second; and where a rank fails, its own exit code is not
always the rank's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Literal

import psutil

from smc_core.contract import REPORT_DIR_ENV
from smc_core.errors import EXIT_SIGNAL_BASE, CodeError
from smc_core.process import log
from smc_core.process.report.for_another import write_for_another
from smc_core.process.report.reader import read_reports
from smc_mpi import failures

RANK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rank.py")
"""The program that each rank runs below."""
_SESSION_FOLDERS = ("PRTE_MCA_prte_{}_tmpdir_base", "OMPI_MCA_orte_{}_tmpdir_base")
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Engine:
    """``mpirun``, or a daemon of it on another host.

    Args:
        command: the command line.
        place: ``local`` for ``mpirun``, ``remote`` for a daemon, as Open MPI's settings call them.

    """

    def __init__(self, command: Sequence[str], place: Literal["local", "remote"]) -> None:
        self._place = place
        self._command = list(command)
        self._name = os.path.basename(command[0])
        self._asked: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        for number in _PASSED_ON:
            signal.signal(number, self._pass_on)

    def run(self) -> int:
        """Run it to its end.

        Returns:
            Its exit code, or that of the rank that failed first on this host.

        Raises:
            CodeError: it cannot be started.

        """
        try:
            self._process = subprocess.Popen(self._command, env=_own_session(os.environ, self._place))  # noqa: S603 - a list
        except OSError as error:
            raise CodeError.of_start(self._command[0], error) from error
        status = self._process.wait()
        code = status if status >= 0 else EXIT_SIGNAL_BASE - status
        left = None if self._asked else failures.left()
        if left is not None and failures.noted(failures.ABORTED):
            self._tell(f"rank {left[0]} {failures.LEFT_EARLY}", 1, *left)
            return 1
        if code or failures.noted(failures.FAILED):  # else a report is of a child that a program has seen to
            found = read_reports(os.environ.get(REPORT_DIR_ENV))
            if found:
                return found[0].exit_code or 1
        aborted = failures.noted(failures.ABORTED)
        if not self._asked and aborted and aborted[0].isdecimal():
            why = "with which Open MPI aborts a rank that has lost another one"
            self._tell(f"rank {aborted[0]} ended with exit code {failures.PEER_IS_LOST}, {why}", code, int(aborted[0]))
        elif not self._asked and failures.noted(failures.ENDED):
            code = code or 1  # mpirun ends with 0 after MPI_Abort(0)
            if left is not None:
                self._tell(f"rank {left[0]} {failures.LEFT_EARLY}", code, *left)
            else:
                self._tell(f"{self._name} ended the ranks of this host, as one of another host failed", code)
        return code

    @property
    def may_start_again(self) -> bool:
        """Whether it has ended, though nobody asked for that, before any rank of this host has begun."""
        return not self._asked and not failures.noted(failures.BEGUN)

    def start_again(self, code: int) -> int:
        """Run it once more, with a line that says why: Open MPI now and then fails at its own start.

        Args:
            code: what it has ended with.

        """
        log.line(f"{self._name} ended with exit code {code} before any rank began: starting it again, once")
        return self.run()

    def report(self, code: int) -> None:
        """Report that it has failed, where nobody has said why."""
        if code and not self._asked and not read_reports(os.environ.get(REPORT_DIR_ENV)):
            began = "" if failures.noted(failures.BEGUN) else " before any rank began"
            self._tell(f"{self._name} ended with exit code {code}{began}; it says why in the log", code)

    def _tell(self, what: str, code: int, rank: int | None = None, at: float | None = None) -> None:
        write_for_another(
            what,
            host=os.environ.get("SM_CURRENT_HOST") or os.uname().nodename,
            rank=rank,
            type_name="ChildProcessError",
            exit_code=code,
            at=at,
        )

    def _pass_on(self, number: int, _frame: object) -> None:
        self._asked.append(number)
        if self._process is None:
            os._exit(EXIT_SIGNAL_BASE + number)  # nothing has begun
        with contextlib.suppress(psutil.Error):  # it has ended by now
            for process in _ranks_below(self._process.pid) or [psutil.Process(self._process.pid)]:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)


def _own_session(environ: Mapping[str, str], place: str) -> dict[str, str]:
    """Variables by which Open MPI keeps its session in this job's own folder.

    In ``/tmp`` it is named by host and process id, which are another job's too where containers share that folder.
    """
    folder = environ.get(REPORT_DIR_ENV)
    return {**{name.format(place): folder for name in _SESSION_FOLDERS if folder}, **environ}


def _ranks_below(pid: int) -> list[psutil.Process]:
    """The processes of ``rank.py`` that a process has started; none while there are none yet."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if RANK in process.cmdline()[1:2]:
                found.append(process)
    return found
