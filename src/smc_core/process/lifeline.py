"""What ends the job when the supervisor is killed, and what makes orphans come back to it.

Three ties, each for what the others cannot do:

- As PID 1 the kernel does it all: it ends everything in the PID namespace with PID 1.
- :func:`die_with_parent` lets the kernel kill the job's first process with the supervisor, at once. Children that
  this process starts do not inherit the tie (``PR_SET_PDEATHSIG`` in ``prctl(2)``).
- :class:`Guard` is a small process that waits for the supervisor's death and then kills every process of the job.

A process of the job escapes only if it has wiped its own environment, left the process group, *and* lost the parent
through which it could be traced, before the supervisor was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from smc_core.process import processes

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GOODBYE = b"."
_LONGEST_HUNT = 5.0
"""Seconds that the guard tries to kill what is left of a job."""


def die_with_parent() -> bool:
    """Ask the kernel to kill this process when its parent dies. It stays so across exec.

    Returns:
        Whether the kernel will; it cannot where Python was built without ctypes.

    """
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> bool:
    """Become the parent of every process of the job whose own parent ends (a subreaper; Linux 3.4 and later)."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


class Guard:
    """A forked process, in a session of its own, that kills the job if the supervisor dies.

    Args:
        mark: ``NAME=value``, which every process of the job has in its environment.
        leader: the job's first process, whose process group is the job's.
        last_words: called when the job has been killed, to leave a failure file.

    Raises:
        OSError: no more processes or files are to be had.

    """

    def __init__(self, mark: bytes | None, leader: int, last_words: Callable[[], None]) -> None:
        read_end, self._line = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _stand_guard(read_end, mark, leader, last_words)
        os.close(read_end)

    def dismiss(self) -> None:
        """Let the guard go: the job has ended, and nothing of it is left."""
        with contextlib.suppress(OSError):
            os.write(self._line, _GOODBYE)
        os.close(self._line)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _stand_guard(line: int, mark: bytes | None, leader: int, last_words: Callable[[], None]) -> None:
    """The guard's whole life. It holds no file of the job, so that nobody waits for it."""
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
            name.write("smc-guard")
        if os.read(line, 1) != _GOODBYE:
            _kill_all(mark, leader)
            last_words()
    finally:
        os._exit(0)


def _kill_all(mark: bytes | None, leader: int) -> None:
    deadline = time.monotonic() + _LONGEST_HUNT
    while time.monotonic() < deadline:
        members = processes.of_job(mark, leader) - {os.getpid()}
        if not members:
            return
        for pid in members:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
