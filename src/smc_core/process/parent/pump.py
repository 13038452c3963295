"""Passes the job's stderr on, byte for byte, and keeps its end for the failure file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import sys
import termios
import time
from collections.abc import Callable

from smc_core.process.limits import TAIL_BYTES

_ROOM_BYTES = 256 * 1024
"""The most bytes of one read."""
_PIPE_BYTES = 1024 * 1024
"""Capacity of the pipe: the most that an unprivileged process may set (``pipe(7)``)."""
_TERMINAL_BYTES = 2048
"""A read of at least this many bytes from a pseudo-terminal means that it may have more: it returns at most 4,095."""
_BURST = 16
"""Reads in a row before signals are checked."""
_FLOOD_BYTES = 64 * 1024
"""Bytes from which a call of ``splice(2)`` is worthwhile."""
_STDOUT, _STDERR = 1, 2
_NEWLINE = ord("\n")


class Pump:
    """A pipe for the job's stderr; passes what comes out of it on to this process's own stderr.

    Where stderr is a terminal, a pseudo-terminal takes the place of the pipe: progress bars and colours stay as they
    are without smc.

    Everything that has been read is in one store, in order of arrival, divided by three offsets::

        0              _written              _whole              _end
        │ written before │ can be written now │ part of a line    │ room for the next read
        └────────────── the tail: the last TAIL_BYTES before _end ┘

    So the tail is kept without copying every line. The store is small: while nobody reads smc's stderr, the job blocks
    in its next write, as it would without smc. In a flood, bytes too old to become the tail never enter the store: the
    kernel moves them from pipe to pipe.

    Attributes:
        source: the end to read from; None when everything has been read.
        job_end: the end for the job; to be closed once the job has inherited it.
        sink: where the bytes go.

    Raises:
        OSError: no pseudo-terminal is available.

    """

    def __init__(self) -> None:
        self.source: int | None
        self._is_terminal = os.isatty(_STDERR)
        self.source, self.job_end = _open_pseudo_terminal() if self._is_terminal else os.pipe()
        os.set_blocking(self.source, False)
        # Fails on a pseudo-terminal, and if the user's allowance for pipe buffers is used up. It then keeps its size.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.sink = Sink(_STDERR)
        self._store = bytearray(TAIL_BYTES + 2 * _ROOM_BYTES)  # the tail, part of a line, and the next read
        self._view = memoryview(self._store)
        self._written = self._whole = self._end = 0
        """Offsets into the store: the ends of what was written, of what can be written now, and of what was read."""
        self._splices = self.sink.takes_floods
        self._flood_waits = False
        self._end_is_known = True
        self._poll = select.poll()
        self._awaited: tuple[int, int | None, bool] | None = None

    @property
    def waits(self) -> bool:
        """Whether something is ready to be written that the sink has not taken yet."""
        return self._flood_waits or self._written < self._whole

    @property
    def tail(self) -> bytes:
        """The last bytes that came through."""
        return bytes(self._view[max(0, self._end - TAIL_BYTES) : self._end])

    @property
    def is_in_a_line(self) -> bool:
        """Whether the job may be in the middle of a line: the last byte is no newline, or passed unseen."""
        return not self._end_is_known or (self._end > 0 and self._store[self._end - 1] != _NEWLINE)

    def has_new_size(self) -> bool:
        """Whether the size of the user's terminal has changed; gives the new size to the job's terminal."""
        if not self._is_terminal or self.source is None:
            return False
        from smc_core.process.parent.pseudo_terminal import copy_size

        return copy_size(_STDERR, self.source)

    def close_job_end(self) -> None:
        """Close this process's copy of the job's end: otherwise reading would never reach the end of the stream."""
        os.close(self.job_end)

    def run(self, other: int, seconds: float | None, moved: Callable[[], None]) -> None:
        """Pass on what comes, until another descriptor can be read or the time is up.

        Args:
            other: the other descriptor.
            seconds: at most; None for no limit.
            moved: called when something was passed on.

        """
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            ready = self._sleep(other, left)
            if ready != [other]:
                self._move()
                moved()
            if other in ready or left == 0:  # judged before the wait, so each call passes on what is there
                return

    def read_rest(self) -> bytes:
        """Everything not yet written, to be called when the whole job has exited: at most what pipe and store hold."""
        rest = bytearray()
        while self.source is not None:
            rest += self._view[self._written : self._end]
            self._written = self._whole = self._end
            if not self._read():
                self._close_source()  # empty, but not at its end: a process outside the job has inherited it
        return bytes(rest + self._view[self._written : self._end])

    def _sleep(self, other: int, seconds: float | None) -> list[int]:
        """Wait for another descriptor, and for the sink where something waits to be written, else for the source.

        Not for both: while the sink is full, nothing more is read, so the job blocks in its next write.
        """
        waits = self.waits
        wanted = (other, self.sink.descriptor if waits else self.source, waits)
        if wanted != self._awaited:  # seldom: registering anew for every line would cost as much as passing it on
            self._awaited = wanted
            self._poll = select.poll()
            self._poll.register(other, select.POLLIN)
            if wanted[1] is not None:
                self._poll.register(wanted[1], select.POLLOUT if waits else select.POLLIN)
        if not waits and self._whole < self._end:  # the rest of the line is in the pipe already, or will not come
            seconds = 0
        return [descriptor for descriptor, _ in self._poll.poll(None if seconds is None else seconds * 1000)]

    def _move(self) -> None:
        """Write what the sink takes without waiting, and read what is there; returns after a burst, for signals."""
        for _ in range(_BURST):
            while self._written < self._whole:
                taken = self.sink.write(self._view[self._written : self._whole])
                if not taken:
                    return
                self._written += taken
            if self.source is None:
                return
            if self._splices and self._pass_flood(self.source):
                if self._flood_waits:
                    return
            elif not self._read():
                return

    def _pass_flood(self, source: int) -> bool:
        """Let the kernel move all bytes but the last TAIL_BYTES; returns whether there were enough to do so.

        It runs only when the store has nothing to write, so the order of bytes is kept.
        """
        self._flood_waits = False
        there = int.from_bytes(fcntl.ioctl(source, termios.FIONREAD, bytes(4)), sys.byteorder)
        if there < TAIL_BYTES + _FLOOD_BYTES:
            return False
        try:
            # The last TAIL_BYTES stay in the pipe: once they have been read into the store, they are the tail.
            os.splice(source, self.sink.descriptor, there - TAIL_BYTES, flags=os.SPLICE_F_NONBLOCK)
            # Whatever the store holds is older than the bytes moved, and no longer adjoins what comes next.
            self._written = self._whole = self._end = 0
            self._end_is_known = False
        except BlockingIOError:
            self._flood_waits = True  # wait for the sink: the source is readable, and a wait for it would spin
        except OSError:  # the kernel cannot splice to this kind of sink, or the sink is gone
            self._splices = False
        return self._splices

    def _read(self) -> bool:
        """Read once; returns whether there is something to write.

        Where stdout goes to the same place, a read that may not be the last is written only up to its last newline.
        Otherwise, and when nothing more is there, all of it can be written.
        """
        assert self.source is not None  # noqa: S101
        self._make_room()
        try:
            # Straight into the store: os.read() would create an object of its own for each line.
            count = os.readv(self.source, [self._view[self._end : self._end + _ROOM_BYTES]])
        except BlockingIOError:
            count = -1
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the end of a pseudo-terminal that nobody has open any more
                raise
            count = 0
        before, self._end = self._end, self._end + max(count, 0)
        self._end_is_known = True
        self._whole = self._end
        if self.sink.shared and count >= (_TERMINAL_BYTES if self._is_terminal else _ROOM_BYTES):
            self._whole = self._store.rfind(b"\n", before, self._end) + 1 or self._end
        if count == 0:
            self._close_source()
        return count > 0 or self._written < self._whole

    def _make_room(self) -> None:
        """When little room is left at the end of the store, move what has to be kept to its beginning."""
        if len(self._store) - self._end < _ROOM_BYTES:
            # What is unwritten, and the tail; the offsets move by the same distance. bytes() copies: they may overlap.
            kept = self._view[min(self._written, max(0, self._end - TAIL_BYTES)) : self._end]
            moved = self._end - len(kept)
            self._store[: len(kept)] = bytes(kept)
            self._written, self._whole, self._end = self._written - moved, self._whole - moved, len(kept)

    def _close_source(self) -> None:
        if self.source is not None:
            os.close(self.source)
            self.source = None


def open_pump() -> Pump | None:
    """A pump; None where no pseudo-terminal is available: the job then writes to the terminal directly."""
    try:
        return Pump()
    except OSError:
        if not os.isatty(_STDERR):
            raise
        return None


class Sink:
    """A descriptor that is written to without ever waiting for its reader.

    For that, a pipe or a terminal is opened a second time: ``O_NONBLOCK`` is a property of the open file, which other
    processes share. Where it cannot be opened (a socket, a pipe of another user), each write is small enough to fit
    whenever ``poll`` reports room.

    Attributes:
        descriptor: what to poll for room.
        shared: whether stdout goes to the same place. Writes to a pipe are then at most ``PIPE_BUF`` bytes, which
            the kernel keeps together, and end with a line: no line of stdout lands inside one of stderr.
        takes_floods: whether the kernel may move any amount to it without waiting and without cutting a line.

    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.shared = _same_file(descriptor, _STDOUT)
        mode = os.fstat(descriptor).st_mode
        self._must_ask = stat.S_ISSOCK(mode)
        is_terminal = os.isatty(descriptor)
        if stat.S_ISFIFO(mode) or is_terminal:
            # O_NOCTTY: a session leader without a terminal would get this one as its controlling terminal.
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            try:
                self.descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            except OSError:
                self._must_ask = True
        if stat.S_ISFIFO(mode) and not self._must_ask:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, _ROOM_BYTES)
        self.takes_floods = not (self.shared or self._must_ask or is_terminal)
        self._small = self._must_ask or (self.shared and (stat.S_ISFIFO(mode) or is_terminal))

    def write(self, data: memoryview) -> int:
        """Write some of the data.

        Returns:
            The number of bytes done with: written, or dropped because the sink takes nothing any more (its reader is
            gone, its disk is full), which is no reason to stop a job. 0 when it has to wait.

        """
        if self._small and len(data) > select.PIPE_BUF:
            data = _whole_lines(data[: select.PIPE_BUF])
        if self._must_ask and not self._has_room():
            return 0
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def _has_room(self) -> bool:
        asking = select.poll()
        asking.register(self.descriptor, select.POLLOUT)
        return bool(asking.poll(0))


def _open_pseudo_terminal() -> tuple[int, int]:
    from smc_core.process.parent.pseudo_terminal import open_pair

    return open_pair(_STDERR)


def _whole_lines(data: memoryview) -> memoryview:
    return data[: bytes(data).rfind(b"\n") + 1 or len(data)]


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False
