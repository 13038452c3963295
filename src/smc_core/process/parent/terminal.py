"""The terminal, lent to the job while it runs, as a shell lends it to what it starts (``tcsetpgrp(3)``).

The job has a process group of its own, so that a signal for the supervisor's group is not delivered twice. On a
terminal that group has to be the foreground one: it then reads from it, and gets Ctrl-C and Ctrl-Z, as it would
without smc.
"""

from __future__ import annotations

import contextlib
import os
import signal


class Terminal:
    """The controlling terminal of this process.

    Raises:
        OSError: there is none.

    """

    def __init__(self) -> None:
        self._descriptor = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        self._group = os.getpgrp()

    def lend(self, group: int) -> None:
        """Make the job's process group the foreground one, if this process's is."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._descriptor) == self._group:
                os.tcsetpgrp(self._descriptor, group)

    def take_back(self, group: int) -> None:
        """Become the foreground group again, if the job's group is."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._descriptor) == group:
                os.tcsetpgrp(self._descriptor, self._group)

    def follow_stop(self, group: int) -> None:
        """The job was stopped, by Ctrl-Z or because it read in the background: stop with it, and wake it after.

        The shell that started smc then sees a stopped job, and ``fg`` and ``bg`` do what they always do. Where
        nobody could continue this process (it leads its session, as in a container), the job is woken at once.
        """
        if os.getsid(0) != os.getpid() and not self._is_mine():
            self.take_back(group)
            os.killpg(self._group, signal.SIGSTOP)  # goes on from here when the shell sends SIGCONT
        self.lend(group)
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGCONT)

    def _is_mine(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == self._group
        except OSError:
            return True
