"""Stops what a job has left behind when its first process has exited."""

from __future__ import annotations

import contextlib
import os
import signal

from smc_core.process import processes

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_LONGEST = 5.0
"""Seconds after SIGKILL; what has not exited by then waits inside the kernel, and is given up."""


class Cleanup:
    """The processes that are left of the job, and how long they still have.

    As PID 1, these are all other processes there are; with orphans adopted, all descendants of this process; and
    where neither is the case, those that are known by their environment, group or parent.

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
        self._looks_empty = 0
        """Looks at the process table in a row that found nothing: one alone misses a process that is born, and whose
        parent exits, while it is read."""

    def step(self, now: float, *, at_once: bool) -> bool:
        """Do what is due; to be called again until it returns True: nothing is left.

        Args:
            now: seconds of a clock that only goes forward.
            at_once: kill without asking first.

        """
        if self._is_over():
            return True
        if self._kill_at is None:
            self._kill_at = now + GRACE
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)  # a stopped process has to wake up to exit
        if at_once:
            self._kill_at = min(self._kill_at, now)
        if now >= self._kill_at:
            self.kill_job()
        return now >= self._kill_at + _LONGEST

    def kill_job(self) -> None:
        """Kill every process of the job now."""
        self._send(signal.SIGKILL)

    def _is_over(self) -> bool:
        has_children = processes.has_children(besides=self._watchdog) if self._adopts else None
        if has_children is not None:  # the kernel's own answer: orphans are there before their parent is gone
            return not has_children
        if self._is_init:
            return False
        self._looks_empty = 0 if self._members() else self._looks_empty + 1
        return self._looks_empty > 1

    def _send(self, number: int) -> None:
        if self._is_init:
            with contextlib.suppress(OSError):
                os.kill(-1, number)
        else:
            processes.send(self._members(), number)

    def _members(self) -> set[int]:
        """The living processes of the job."""
        own = os.getpid()
        if self._adopts:
            return processes.descendants([own], processes.table()) - {self._watchdog}
        return processes.of_job(self._mark, self._leader) - {own}
