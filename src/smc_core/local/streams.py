"""The output of a host of a local job: shown at once, and written to the log."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
from collections.abc import Callable

_CHUNK = 256 * 1024
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Control sequences of a terminal (ECMA-48): colours, cursor movements, titles and links."""
_LONGEST_LINE = 64 * 1024
"""Bytes of an unfinished line that are held back from the log."""


class Stream:
    """One pipe of a host, and where it goes.

    Without a prefix, every byte is shown as soon as it arrives; the log gets whole lines, so that lines of stdout and
    stderr are not mixed. With a prefix, only whole lines are shown, each after the prefix. Output for a terminal goes
    into the log as plain text.

    Args:
        source: the end of a pipe to read from.
        sink: descriptor to show the output on.
        log: the job's log.
        prefix: put in front of every line, on the display and in the log.
        own_log: gets every byte without the prefix; None if ``log`` does.
        on_line: called with each line, without its end.
        repaint: changes what is shown, but not what is logged.

    """

    def __init__(
        self,
        source: int,
        sink: int,
        log: int,
        prefix: bytes = b"",
        own_log: int | None = None,
        on_line: Callable[[bytes], None] | None = None,
        repaint: Callable[[bytes], bytes] | None = None,
    ) -> None:
        os.set_blocking(source, False)
        self._is_terminal = os.isatty(source)
        self.source = source
        self._sink = sink
        self._log = log
        self._prefix = prefix
        self._own_log = own_log
        self._on_line = on_line
        self._repaint = repaint or bytes
        self._held = b""
        self._in_line = False

    def move(self) -> bool:
        """Read what is there and pass it on; returns False at the end of the stream, True if more may come.

        Raises:
            BlockingIOError: there is nothing at the moment.

        """
        data = self._read()
        if not self._prefix:
            _write(self._sink, self._repaint(data))
        if self._own_log is not None:
            _write(self._own_log, data)
        self._held += data
        end = self._held.rfind(b"\n") + 1
        if not data or len(self._held) - end > _LONGEST_LINE:
            end = len(self._held)
        whole, self._held = self._held[:end], self._held[end:]
        if whole:
            self._pass_on(whole, is_last=not data)
        return bool(data)

    def _read(self) -> bytes:
        try:
            return os.read(self.source, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the end of a pseudo-terminal that nobody has open any more
                raise
            return b""

    def drain(self) -> None:
        """Read what is left when the host has exited, and close, even if some process still has the other end."""
        with contextlib.suppress(BlockingIOError):
            while self.move():
                pass
        if self._held:
            self._pass_on(self._held, is_last=True)
        os.close(self.source)

    def _pass_on(self, whole: bytes, *, is_last: bool) -> None:
        if self._on_line is not None:
            for line in whole.replace(b"\r", b"\n").splitlines():
                self._on_line(line)
        if self._prefix:
            parts = _lines(whole)
            in_line = self._in_line
            self._in_line = not parts[-1].endswith(b"\n")
            first = b"" if in_line else self._prefix
            whole = first + self._prefix.join(parts)
            if is_last and self._in_line:
                whole += b"\n"
            _write(self._sink, self._repaint(whole))
        _write(self._log, as_text(whole) if self._is_terminal else whole)


def as_text(data: bytes) -> bytes:
    """Output for a terminal as plain text: without colours, and only the last state of a progress bar."""
    lines = _ESCAPES.sub(b"", data).split(b"\n")
    return b"\n".join(line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """Lines including their ends; only a newline ends a line."""
    parts = [part + b"\n" for part in data.split(b"\n")]
    parts[-1] = parts[-1][:-1]
    return [part for part in parts if part]


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it; a reader that is gone, or a full disk, is no reason to stop a job."""
    with contextlib.suppress(OSError):
        write_all(descriptor, data)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, and wait for room even if the descriptor is non-blocking: its creator may have set that.

    Args:
        descriptor: where to write it.
        data: the bytes.

    Raises:
        OSError: the rest cannot be written.

    """
    left = memoryview(data)
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            room.poll()
