"""Stops what a job has left behind when its first process has exited."""

from __future__ import annotations

import contextlib
import os
import signal

from smc_core.process import processes

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_LONGEST = 5.0
"""Seconds after SIGKILL. A process that has not exited by then is stuck inside the kernel, and is given up."""


class Cleanup:
    """The processes that are left of the job, and how long they still have.

    Where this process is PID 1, these are all other processes; where it adopts orphans, all its descendants;
    otherwise those recognised by their environment, group or parent.

    Args:
        leader: the job's first process.
        mark: ``NAME=value``, which every process of the job has in its environment.
        watchdog: a child of this process that is not of the job; None where there is none.
        adopts: whether orphans become children of this process.

    """

    def __init__(self, leader: int, mark: bytes | None, watchdog: int | None, *, adopts: bool) -> None:
        self._leader = leader
        self._mark = mark
        self._watchdog = watchdog
        self._adopts = adopts
        self._is_init = os.getpid() == 1
        self._kill_at: float | None = None
        self._empty_scans = 0
        """Scans of the process table in a row that found nothing. A single one can miss a process: one that is forked,
        and whose parent exits, while the table is being read."""

    def step(self, now: float, *, at_once: bool) -> bool:
        """Do what is due. To be called repeatedly, until it returns True: nothing is left, or it is given up.

        Args:
            now: seconds on the monotonic clock.
            at_once: send SIGKILL without waiting for the grace time.

        """
        if self._is_over():
            return True
        if self._kill_at is None:
            self._kill_at = now + GRACE
            self._send(signal.SIGTERM)
            # A stopped process has to wake up to exit. SIGTERM is pending by then, and is handled first.
            self._send(signal.SIGCONT)
        if at_once:
            self._kill_at = min(self._kill_at, now)
        if now >= self._kill_at:
            self.kill_job()  # in each step: a process may fork between the scan and the signal
        return now >= self._kill_at + _LONGEST

    def kill_job(self) -> None:
        """Kill every process of the job now."""
        self._send(signal.SIGKILL)

    def _is_over(self) -> bool:
        has_children = processes.has_children(except_for=self._watchdog) if self._adopts else None
        if has_children is not None:  # reliable: the kernel hands orphans over before their parent is reaped
            return not has_children
        if self._is_init:
            return False
        self._empty_scans = 0 if self._members() else self._empty_scans + 1
        return self._empty_scans > 1

    def _send(self, number: int) -> None:
        if self._is_init:
            with contextlib.suppress(OSError):
                os.kill(-1, number)  # every process of the namespace except PID 1 itself
        else:
            processes.send(self._members(), number)

    def _members(self) -> set[int]:
        """The living processes of the job."""
        own = os.getpid()
        if self._adopts:
            return processes.descendants([own], processes.table()) - {self._watchdog}
        return processes.of_job(self._mark, self._leader) - {own}
