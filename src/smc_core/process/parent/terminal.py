"""Lends the terminal to the job while it runs, as a shell does for its jobs (``tcsetpgrp(3)``).

The job has its own process group, so that a signal to the supervisor's group does not reach it twice. On a terminal
that group has to be in the foreground: then the job can read from it, and gets Ctrl-C and Ctrl-Z, as it would without
smc.
"""

from __future__ import annotations

import contextlib
import os
import signal


class Terminal:
    """The controlling terminal of this process.

    Raises:
        OSError: this process has no controlling terminal.

    """

    def __init__(self) -> None:
        self._descriptor = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        self._group = os.getpgrp()

    def lend(self, group: int) -> None:
        """Put the job's process group in the foreground, if this process's group is there."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._descriptor) == self._group:
                os.tcsetpgrp(self._descriptor, group)

    def take_back(self, group: int) -> None:
        """Put this process's group in the foreground again, if the job's group is there."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._descriptor) == group:
                os.tcsetpgrp(self._descriptor, self._group)

    def follow_stop(self, group: int) -> None:
        """Stop with a job that was stopped, by Ctrl-Z or because it read in the background, and continue it after.

        The shell that started smc then sees a stopped job, and ``fg`` and ``bg`` work as usual. Where nobody could
        continue this process (it leads its session, as in a container), the job is continued at once.
        """
        if os.getsid(0) != os.getpid() and not self._is_mine():
            self.take_back(group)
            os.killpg(self._group, signal.SIGSTOP)  # this process, too: it continues here when the shell sends SIGCONT
        self.lend(group)
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGCONT)

    def _is_mine(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == self._group
        except OSError:
            return True
