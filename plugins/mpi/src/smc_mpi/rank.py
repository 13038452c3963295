"""One rank: starts the command, and reports what the command itself cannot.

Started by its path, by Open MPI's daemon: ``python rank.py SIGNALS -- COMMAND``. SIGNALS is ``process`` for a command
that gets signals alone, or ``group`` for one with which everything that it has started gets them.

A rank that ends otherwise than with 0 and has not reported why gets a report that names it and says how: killed by a
signal, an exit code, or ``MPI_Abort``, which is a failure with the code 0 too. So is a rank that leaves with 0 while
others wait for it. One that has failed, but waits in
``MPI_Finalize`` for ranks that wait for it in a collective operation, is ended, so that ``mpirun`` ends the others.
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
    """Run the command, and note that it has failed; returns its exit code, 128 + n where signal n killed it."""
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
    """The rank's number; None where Open MPI does not say it."""
    return next((int(os.environ[each]) for each in _RANKS if os.environ.get(each, "").isdecimal()), None)


class _Rank:
    """The process of one rank, up to its end.

    Signals are waited for and not handled, so that it is known who has sent one. The daemon that started this program
    is its parent. Where a rank has failed or called ``MPI_Abort``, the daemon sends SIGCONT, SIGTERM and SIGKILL to
    all; who calls ``MPI_Abort`` ends by itself between the first and the second, or before them where the word has to
    go through the master.
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
        """Wait for its end, and report what it has not reported itself; returns the exit code."""
        while (status := self._poll()) is None:
            self._take(_LOOK_SECONDS)
            self._look(time.monotonic())
        if self._report is not None and self._kill_at is None:
            return self._report.exit_code  # it was killed on its way out
        code = exit_code(status)
        if self._asked & STOP_SIGNALS:
            return code  # as whoever asked expects
        if what := self._failure(status):
            code = code or 1
            self._report_it(what, code)
        return code

    def _failure(self, status: int) -> str:
        """How it failed, in words; empty where it has not, or where somebody wanted it to end."""
        who = f"rank {number()}"
        if status < 0:
            return "" if -status in (*self._asked, signal.SIGTERM) else death_in_words(who, status)
        if status == PEER_IS_LOST:
            failures.note(failures.ABORTED, number())
            return ""  # by another rank's end, which is reported first
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
        """Take a signal in, and pass it on, unless it is one that says something of the process."""
        found = signal.sigtimedwait(self._awaited, seconds)
        if found is None or found.si_signo == signal.SIGCHLD:
            return
        from_daemon = found.si_pid == self._daemon
        if found.si_signo == signal.SIGCONT:
            self._continued_at = time.monotonic() if from_daemon else self._continued_at
            return
        self.was_ended = self.was_ended or (from_daemon and found.si_signo == signal.SIGTERM)
        if self._poll() is None:  # else it has ended without having been asked
            self._asked.add(found.si_signo)
            self._send(found.si_signo)

    def _send(self, number: int) -> None:
        if self._to_all:
            signal_tree(self._pid, number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def _look(self, now: float) -> None:
        """End a process that has reported a failure, and stays."""
        if self._report is None:
            self._report = first_report(pid=self._pid)
            self._kill_at = None if self._report is None else now + _FINALIZE_SECONDS
        elif self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._send(signal.SIGKILL)

    def _continued(self, seconds: float) -> bool:
        """Whether the daemon has begun to end all ranks, no longer ago than that."""
        return self._continued_at is not None and time.monotonic() - self._continued_at <= seconds

    def _is_followed_by_the_end_of_all(self) -> bool:
        """Whether the daemon ends all ranks now, though nobody has asked for that."""
        until = time.monotonic() + (_CONFIRM_SECONDS if self._continued(_ABORT_SECONDS) else _LEFT_SECONDS)
        while not self.was_ended and (now := time.monotonic()) < until:
            self._take(until - now)
            if self._continued(_LEFT_SECONDS):
                until = max(until, now + _CONFIRM_SECONDS)
        return self.was_ended

    def _report_it(self, what: str, code: int) -> None:
        """Report how it ended, unless it has done so, or another rank has before: that brought this about."""
        rank = number()
        for report in job_reports():
            lag = 0.0 if report.type == _TYPE else _LAG_SECONDS
            if report.rank == rank or report.time < self._ended_at - lag:
                return
        report_for_another(what, exit_code=code, rank=rank, at=self._ended_at)


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
