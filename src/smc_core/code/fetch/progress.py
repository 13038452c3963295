"""The progress of a long transfer: a line that is rewritten on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from smc_core import printable

_INTERVAL = 0.1
"""Seconds between two updates of the line."""
_QUIET = 1.0
"""Seconds before the first one: a quicker transfer needs none, and leaves no escape sequences in a recorded log."""


class Progress:
    """Counts the bytes of a transfer and shows them while it lasts.

    Args:
        what: what is transferred, without credentials.
        total: its size in bytes, where known.

    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self.bytes = 0
        self.total = total
        self._what = what
        self._is_terminal = sys.stderr.isatty()
        self._is_shown = False
        self._next = time.monotonic() + _QUIET
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def add(self, size: int) -> None:
        """Count ``size`` more bytes; may be called from several threads."""
        with self._lock:
            self.bytes += size
            if self._is_terminal and time.monotonic() >= self._next:
                self._is_shown = True
                self._next = time.monotonic() + _INTERVAL
                of = f" of {self.total:,}" if self.total else ""
                sys.stderr.write(f"\r\x1b[K{printable.in_a_line(self._what, 200)}: {self.bytes:,}{of} bytes")
                sys.stderr.flush()
