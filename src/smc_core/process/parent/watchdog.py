"""A small process that outlives the supervisor by a moment, to kill the job with it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

_GOODBYE = b"."
_LONGEST_HUNT_SECONDS = 5.0
"""For which the watchdog tries to kill what is left of a job."""


class Watchdog:
    """A forked process, in a session of its own, that kills the job if the supervisor dies.

    It is forked before the job starts, so that there is no moment without it.

    Args:
        mark: ``NAME=value``, which every process of the job has in its environment; None where there is none.
        last_words: called when the job has been killed, to leave a failure file.

    Raises:
        OSError: no more processes or files are to be had.

    """

    def __init__(self, mark: bytes | None, last_words: Callable[[], None]) -> None:
        read_end, self._line = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _watch_over_job(read_end, mark, last_words)
        os.close(read_end)

    def watch(self, leader: int) -> None:
        """Name the job's first process, whose process group is the job's."""
        with contextlib.suppress(OSError):
            os.write(self._line, b"%d\n" % leader)

    def dismiss(self) -> None:
        """Let the watchdog go: the job has ended, and nothing of it is left."""
        with contextlib.suppress(OSError):
            os.write(self._line, _GOODBYE)
        os.close(self._line)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _watch_over_job(line: int, mark: bytes | None, last_words: Callable[[], None]) -> None:
    """The watchdog's whole life. It holds no file of the job, so that nobody waits for it."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)
        os.setsid()
        os.chdir("/")
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor != line:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write("smc-watchdog")
        from smc_core.process import processes  # before the job can break a disk

        heard = b""
        while data := os.read(line, 64):
            heard += data
        if not heard.endswith(_GOODBYE):
            leader = int(heard) if heard.strip() else None
            _kill_all(lambda: processes.of_job(mark, leader))
            last_words()
    finally:
        os._exit(0)


def _kill_all(members: Callable[[], set[int]]) -> None:
    deadline = time.monotonic() + _LONGEST_HUNT_SECONDS
    while time.monotonic() < deadline:
        left = members() - {os.getpid()}
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
