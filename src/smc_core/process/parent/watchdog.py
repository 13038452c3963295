"""A small process that outlives the supervisor just long enough to kill the job."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

_GOODBYE = b"."
_LONGEST_HUNT_SECONDS = 5.0
"""How long the watchdog tries to kill what is left of a job."""


class Watchdog:
    """A forked process, in its own session, that kills the job if the supervisor dies.

    It is forked before the job starts, so that no moment is unwatched.

    Args:
        mark: ``NAME=value``, which every process of the job has in its environment; None where there is none.
        last_words: called in the watchdog when the job has been killed, to leave a failure file.

    Raises:
        OSError: no more processes or descriptors are available.

    """

    def __init__(self, mark: bytes | None, last_words: Callable[[], None]) -> None:
        # Close-on-exec: if the job inherited the write end, the supervisor's death would be no end of file.
        read_end, self._line = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _watch_over_job(read_end, mark, last_words)
        os.close(read_end)

    def watch(self, leader: int) -> None:
        """Send the watchdog the id of the job's first process, which is also the job's process group."""
        with contextlib.suppress(OSError):
            os.write(self._line, b"%d\n" % leader)

    def dismiss(self) -> None:
        """Stop the watchdog: the job has ended, and nothing of it is left."""
        with contextlib.suppress(OSError):
            os.write(self._line, _GOODBYE)
        os.close(self._line)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _watch_over_job(line: int, mark: bytes | None, last_words: Callable[[], None]) -> None:
    """The watchdog's whole life.

    It closes every descriptor but its pipe: a reader of the job's stdout or stderr must not wait for it. The pipe's end
    of file without the goodbye means that the supervisor has died. One of the descriptors closed is the pipe's write
    end, inherited by the fork: the end of file would never come otherwise.
    """
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)  # the supervisor's
        os.setsid()  # neither Ctrl-C nor a signal to the supervisor's group reaches it
        os.chdir("/")  # it keeps no file system busy
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor != line:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write("smc-watchdog")
        from smc_core.process import processes  # now, before the job can break a disk

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
        left = members() - {os.getpid()}  # again each time: a process may fork between the scan and the signal
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
