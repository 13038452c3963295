"""One rank: starts the command, and reports failures that the command itself cannot report.

Started by its path, by Open MPI's daemon: ``python rank.py SIGNALS -- COMMAND``. SIGNALS is ``process`` if only the
command gets signals, or ``group`` if everything that it has started gets them too.

If a rank fails without having reported why, a report names it and says how: a signal, an exit code, or ``MPI_Abort``,
which is a failure even with the code 0. A rank that exits with 0 while others wait for it is reported as well. A rank
that has failed may wait in ``MPI_Finalize`` for ranks that wait for it in a collective operation: it is killed, so that
``mpirun`` stops the others.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import contextlib
import os
import signal
import time
from collections.abc import Sequence

from smc_core.errors import CodeError
from smc_core.kit import (
    STOP_SIGNALS,
    Report,
    death_in_words,
    exit_code,
    first_report,
    job_reports,
    main,
    report_for_another,
    signal_tree,
    signals_to_take,
)
from smc_mpi import failures
from smc_mpi.failures import LEFT_EARLY, PEER_IS_LOST

_LOOK_SECONDS = 0.5
"""Between two looks at whether the command has reported that it failed."""
_FINALIZE_SECONDS = 3.0
"""What a command that has failed gets to end by itself."""
_ABORT_SECONDS = 0.5
"""From the daemon's SIGCONT, which comes before its SIGTERM, to the end of the rank that has called ``MPI_Abort``."""
_CONFIRM_SECONDS = 2.0
"""In which that SIGTERM follows; it does after a quarter of a second."""
_LEFT_SECONDS = 0.3
"""After the end of a rank with exit code 0, in which the daemon ends the others, where it was none that is due."""
_LAG_SECONDS = 0.5
"""What a rank reports that much earlier than another one dies was not brought about by that death."""
_TYPE = "ChildProcessError"
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK")


def run(argv: Sequence[str]) -> int:
    """Run the command, and note a failure; returns its exit code, 128 + n if signal n killed it."""
    awaited = signals_to_take()
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    who, command = argv[0], list(argv[2:])
    defaults = {signal.SIGPIPE, signal.SIGXFSZ}  # which Python ignores
    try:
        pid = os.posix_spawnp(command[0], command, os.environ, setsigmask=(), setsigdef=defaults)
    except OSError as error:
        failures.note(failures.FAILED, number())
        raise CodeError.of_start(command[0], error) from error
    failures.note(failures.BEGUN, number())
    rank = _Rank(pid, awaited, to_all=who == "group")
    code = rank.wait()
    if rank.was_ended:
        failures.note(failures.ENDED, number())
    if code:
        failures.note(failures.FAILED, number())
    return code


def number() -> int | None:
    """The rank's number; None if Open MPI does not set it."""
    return next((int(os.environ[each]) for each in _RANKS if os.environ.get(each, "").isdecimal()), None)


class _Rank:
    """The process of one rank, until it exits.

    Signals are waited for rather than handled, because only that shows who sent one. The parent of this program is the
    daemon that started it. If a rank has failed or called ``MPI_Abort``, the daemon sends SIGCONT, SIGTERM and SIGKILL
    to all. The rank that calls ``MPI_Abort`` exits between the first two, or before both if the message has to go
    through the master.
    """

    def __init__(self, pid: int, awaited: frozenset[int], *, to_all: bool) -> None:
        self.was_ended = False
        self._pid = pid
        self._awaited = awaited
        self._to_all = to_all
        self._daemon = os.getppid()
        self._asked: set[int] = set()
        self._continued_at: float | None = None
        self._report: Report | None = None
        self._kill_at: float | None = None
        self._status: int | None = None
        self._ended_at = 0.0

    def wait(self) -> int:
        """Wait until it exits, and report what it has not reported itself; returns the exit code."""
        while (status := self._poll()) is None:
            self._take(_LOOK_SECONDS)
            self._look(time.monotonic())
        if self._report is not None and self._kill_at is None:
            return self._report.exit_code  # it was killed on its way out
        code = exit_code(status)
        if self._asked & STOP_SIGNALS:
            return code  # as the sender of the request expects
        if what := self._failure(status):
            code = code or 1
            self._report_it(what, code)
        return code

    def _failure(self, status: int) -> str:
        """How it failed, in words; empty if it has not, or was asked to stop."""
        who = f"rank {number()}"
        if status < 0:
            return "" if -status in (*self._asked, signal.SIGTERM) else death_in_words(who, status)
        if status == PEER_IS_LOST:
            failures.note(failures.ABORTED, number())
            return ""  # because of another rank, which is reported first
        if status == 0:
            failures.note(failures.LEFT, number())
        aborted = self._continued(_ABORT_SECONDS)
        if (aborted or status == 0) and self._is_followed_by_the_end_of_all():
            return f"{who} {f'ended by MPI_Abort with error code {status}' if aborted else LEFT_EARLY}"
        return death_in_words(who, status, silent=not self._to_all) if status else ""

    def _poll(self) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status, self._ended_at = os.waitstatus_to_exitcode(status), time.time()
        return self._status

    def _take(self, seconds: float) -> None:
        """Receive a signal, and pass it on unless it is about the child process itself."""
        found = signal.sigtimedwait(self._awaited, seconds)
        if found is None or found.si_signo == signal.SIGCHLD:
            return
        from_daemon = found.si_pid == self._daemon
        if found.si_signo == signal.SIGCONT:
            self._continued_at = time.monotonic() if from_daemon else self._continued_at
            return
        self.was_ended = self.was_ended or (from_daemon and found.si_signo == signal.SIGTERM)
        if self._poll() is None:  # otherwise it has exited unasked
            self._asked.add(found.si_signo)
            self._send(found.si_signo)

    def _send(self, number: int) -> None:
        if self._to_all:
            signal_tree(self._pid, number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def _look(self, now: float) -> None:
        """Kill the process if it has reported a failure but does not exit."""
        if self._report is None:
            self._report = first_report(pid=self._pid)
            self._kill_at = None if self._report is None else now + _FINALIZE_SECONDS
        elif self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._send(signal.SIGKILL)

    def _continued(self, seconds: float) -> bool:
        """Whether the daemon has begun to stop all ranks within that time."""
        return self._continued_at is not None and time.monotonic() - self._continued_at <= seconds

    def _is_followed_by_the_end_of_all(self) -> bool:
        """Whether the daemon is stopping all ranks now, although nobody has asked for that."""
        until = time.monotonic() + (_CONFIRM_SECONDS if self._continued(_ABORT_SECONDS) else _LEFT_SECONDS)
        while not self.was_ended and (now := time.monotonic()) < until:
            self._take(until - now)
            if self._continued(_LEFT_SECONDS):
                until = max(until, now + _CONFIRM_SECONDS)
        return self.was_ended

    def _report_it(self, what: str, code: int) -> None:
        """Report how it failed, unless it has done so itself, or another rank has before and is therefore the cause."""
        rank = number()
        for report in job_reports():
            lag = 0.0 if report.type == _TYPE else _LAG_SECONDS
            if report.rank == rank or report.time < self._ended_at - lag:
                return
        report_for_another(what, exit_code=code, rank=rank, at=self._ended_at)


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
