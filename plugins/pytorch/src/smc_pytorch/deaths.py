"""How and in which order the processes of a host exited, and which of them failed first."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from smc_core.kit import Report, death_in_words, exit_code, is_running, job_reports
from smc_pytorch.gloo import is_of_gloo

_LAG_SECONDS = 0.5
"""How much later than it happened a death may be seen, at most, on a busy machine."""


class Death(NamedTuple):
    """How one process exited.

    Attributes:
        rank: the rank of the process in the job.
        local_rank: its rank on this host.
        status: its exit code, or the signal that killed it as a negative number.
        time: when its exit was noticed, in seconds since the epoch.
        reported: whether the process itself has written a report.
    """

    rank: int
    local_rank: int
    status: int
    time: float
    reported: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code as a shell has it: 128 + n for signal n."""
        return exit_code(self.status)

    @property
    def who(self) -> str:
        """``rank 3 (local rank 1)``."""
        return f"rank {self.rank} (local rank {self.local_rank})"

    @property
    def in_words(self) -> str:
        """``rank 3 (local rank 1) was killed by SIGKILL``."""
        return death_in_words(self.who, self.status, silent=not self.reported)


class Watch:
    """Observes in which order children of this process exit; whoever started them can still reap them.

    Attributes:
        deaths: the processes that have exited, the earliest first.
        by_themselves: ranks that had exited before the rest were stopped because one had failed; None before that.

    """

    def __init__(self) -> None:
        self.deaths: list[Death] = []
        self.by_themselves: set[int] | None = None
        self._ranks: dict[int, tuple[int, int]] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def pids(self) -> list[int]:
        """All processes that are or were watched."""
        return list(self._ranks)

    def begin(
        self,
        ranks: Mapping[int, tuple[int, int]],
        all_dead: Callable[[], None],
        seen: Callable[[Death], None] | None = None,
    ) -> None:
        """Watch processes.

        Args:
            ranks: process id → its rank in the job and on this host.
            all_dead: called when the last one has exited.
            seen: called for each, in a separate thread.

        """
        self._ranks.update(ranks)
        for pid in ranks:
            thread = threading.Thread(target=self._await, args=(pid, all_dead, seen), daemon=True)
            self._threads.append(thread)
            thread.start()

    def send(self, number: int) -> None:
        """Send a signal to those that have not exited."""
        ended = {death.rank for death in self.deaths}
        for pid, (rank, _) in self._ranks.items():
            if rank not in ended:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue

    def join(self) -> None:
        """Wait until all have exited."""
        for thread in self._threads:
            thread.join()

    def correct(self, statuses: Mapping[int, int]) -> None:
        """Take over the statuses from the parent of the processes, once all are known to have exited.

        Args:
            statuses: rank → exit code, or the signal as a negative number.

        """
        with self._lock:
            self.deaths = [death._replace(status=statuses.get(death.rank, death.status)) for death in self.deaths]

    def note_closing(self) -> None:
        """Note which have exited by now: the others are being stopped."""
        if self.by_themselves is None:
            self.by_themselves = {rank for pid, (rank, _) in self._ranks.items() if not is_running(pid)}

    def _await(self, pid: int, all_dead: Callable[[], None], seen: Callable[[Death], None] | None) -> None:
        rank, local_rank = self._ranks[pid]
        status = 0
        with contextlib.suppress(ChildProcessError):  # it has been reaped already: see correct()
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it stays for its parent to reap
            if found is not None:
                status = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        death = Death(rank, local_rank, status, time.time())
        with self._lock:
            self.deaths.append(death)
            last = len(self.deaths) == len(self._ranks)
        if seen is not None:
            seen(death)
        if last:
            all_dead()


def culprit(deaths: list[Death], by_themselves: set[int] | None, environ: Mapping[str, str]) -> Death | None:
    """The process that failed first: the root cause.

    A process that was killed by a signal, or that called ``os._exit``, reports nothing; what others report at that
    moment is a consequence of its death. Otherwise the earliest report is the cause: its process may exit after those
    that failed because of it.

    Args:
        deaths: how the processes exited, the earliest first.
        by_themselves: ranks that had exited before the rest were stopped; None if none were stopped.
        environ: the variables with the folder of reports.

    """
    told = _first_reports(environ)
    failed = [death._replace(reported=death.rank in told) for death in deaths if death.status != 0]
    unasked = [death for death in failed if by_themselves is None or death.rank in by_themselves] or failed
    silent = next((death for death in unasked if not death.reported), None)
    speaking = [death for death in failed if death.reported]
    first = min(speaking, key=lambda death: told[death.rank].time, default=None)
    if first is None or silent is None:
        return silent if first is None else _as_reported(first, told[first.rank])
    in_time = silent.time <= told[first.rank].time + _LAG_SECONDS
    return silent if in_time and failed.index(silent) < failed.index(first) else _as_reported(first, told[first.rank])


def waited_in_vain(first: Death, environ: Mapping[str, str]) -> Report | None:
    """The report of a process that waited for others, some of which may have exited before it failed.

    Args:
        first: the process that failed first.
        environ: the variables with the folder of reports.

    Returns:
        Its report, if that is about a collective operation; None if the process itself failed.

    """
    report = _first_reports(environ).get(first.rank)
    if report is None:
        return None
    name = report.type.rpartition(".")[2]
    of_one = (name.startswith("Dist") and name.endswith("Error")) or (
        name == "RuntimeError" and is_of_gloo(report.message)
    )
    return report if of_one else None


def early(deaths: list[Death], report: Report) -> list[str]:
    """The processes of this host that exited with 0 before another reported an error, in words."""
    gone = [death for death in deaths if death.status == 0 and death.time <= report.time + _LAG_SECONDS]
    return [f"rank {death.rank} (local rank {death.local_rank})" for death in sorted(gone, key=lambda each: each.rank)]


def _first_reports(environ: Mapping[str, str]) -> dict[int, Report]:
    """The earliest report of each rank."""
    found: dict[int, Report] = {}
    for report in job_reports(environ):
        if report.rank is not None:
            found.setdefault(report.rank, report)
    return found


def _as_reported(death: Death, report: Report) -> Death:
    """The death with the exit code that the process has reported: it may have been killed while it exited."""
    return death if death.status > 0 else death._replace(status=report.exit_code)
