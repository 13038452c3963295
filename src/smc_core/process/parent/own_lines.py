"""The lines that smc itself prints to stderr, and the last of the job's own output."""

from __future__ import annotations

import contextlib
import os
import select
import signal

from smc_core.process import log
from smc_core.process.parent.pump import Pump
from smc_core.process.signals import Inbox

_STDERR = 2


def say(text: str) -> None:
    """Print a line at once; a closed stderr is no reason to stop a job."""
    with contextlib.suppress(OSError):
        os.write(_STDERR, log.as_line(text))


class OwnLines:
    """Prints smc's lines between the job's lines, never in the middle of one.

    Args:
        pump: passes the job's stderr on; None where the job writes to stderr directly.

    """

    def __init__(self, pump: Pump | None) -> None:
        self._pump = pump
        self._waiting = b""

    def say(self, text: str) -> None:
        """Print a line as soon as the job is not in the middle of one."""
        self._waiting += log.as_line(text)
        self.flush()

    def flush(self) -> None:
        """Print the lines that wait, if it is possible now."""
        if self._waiting and self._pump is None:
            with contextlib.suppress(OSError):
                os.write(_STDERR, self._waiting)
            self._waiting = b""
        elif self._waiting and self._pump is not None and not self._pump.waits and not self._in_a_line():
            taken = self._pump.sink.write(memoryview(self._waiting))
            self._waiting = self._waiting[taken:]

    def finish(self, rest: bytes, lines: list[str], inbox: Inbox) -> None:
        """Write the rest of the job's stderr and smc's last lines, however slow the reader is.

        Args:
            rest: what the job has written and the pump has not passed on yet.
            lines: smc's last lines.
            inbox: a SIGTERM in it ends the wait for a slow reader.

        """
        last = self._waiting + b"".join(map(log.as_line, lines))
        if last and self._in_a_line():
            last = b"\n" + last
        if self._pump is None:
            with contextlib.suppress(OSError):
                os.write(_STDERR, last)
            return
        left = memoryview(rest + last)
        room = select.poll()
        room.register(self._pump.sink.descriptor, select.POLLOUT)
        room.register(inbox.descriptor, select.POLLIN)
        while left:
            left = left[self._pump.sink.write(left) :]
            if left:
                room.poll()
            if signal.SIGTERM in inbox.take():
                return

    def _in_a_line(self) -> bool:
        return self._pump is not None and self._pump.is_in_a_line
