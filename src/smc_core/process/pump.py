"""Passes the job's stderr on, byte for byte, and keeps its end for the failure file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat

TAIL_BYTES = 64 * 1024
"""Bytes of stderr that are kept."""
_BUFFER_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024
"""What the pipe is asked to hold: the most that an unprivileged process may ask for (``pipe(7)``)."""
_STDOUT, _STDERR = 1, 2


class Pump:
    """A pipe for the job's stderr, and what comes out of it on its way to this process's own.

    At most one buffer is in hand: while nobody takes it, the job waits in its next write, as it would without smc.

    Attributes:
        source: the end that is read here; None when everything has been read.
        job_end: the end for the job; to be closed when the job has it.
        tail: the last bytes that came through.
        sink: where it goes.

    """

    def __init__(self) -> None:
        self.source: int | None
        self.source, self.job_end = os.pipe()
        os.set_blocking(self.source, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.tail = bytearray()
        self.sink = Sink(_STDERR)
        self._store = bytearray(_BUFFER_BYTES)
        self._buffer = memoryview(self._store)
        self._pending = self._held = self._buffer[:0]

    @property
    def waits(self) -> bool:
        """Whether something was read that the sink has not taken yet."""
        return bool(self._pending)

    @property
    def holds(self) -> bool:
        """Whether the beginning of a line is held back although nobody makes it wait; :meth:`move` resolves it."""
        return bool(self._held) and not self._pending

    def close_job_end(self) -> None:
        """Close this process's copy of the job's end, so that the end of the job is the end of the stream."""
        os.close(self.job_end)

    def move(self) -> None:
        """Read what is there, and write what can be written without waiting."""
        if not self._pending:
            self._read()
        while self._pending:
            taken = self.sink.write(self._pending)
            if not taken:
                return
            self._pending = self._pending[taken:]

    def read_rest(self) -> bytes:
        """Everything not yet written, when all of the job has ended: at most what the pipe and the buffer hold."""
        rest = bytearray(self._pending)
        while self.source is not None:
            if not self._read():
                self._close_source()  # open still, but empty: a process that is not of the job has it too
            rest += self._pending
        self._pending = self._buffer[:0]
        return bytes(rest)

    def _read(self) -> bool:
        """Fill the buffer behind what was held back; whether there was anything, the end included."""
        if self.source is None:
            return False
        start = len(self._held)
        self._buffer[:start] = self._held
        try:
            count = os.readv(self.source, [self._buffer[start:]])
        except BlockingIOError:
            count = -1
        end = start + max(count, 0)
        self._keep(self._buffer[start:end])
        line_end = self._store.rfind(b"\n", 0, end) + 1 if self.sink.shared and end == _BUFFER_BYTES else 0
        self._pending = self._buffer[: line_end or end]
        self._held = self._buffer[line_end:end] if line_end else self._buffer[:0]
        if count == 0:
            self._close_source()
        return count >= 0

    def _keep(self, data: memoryview) -> None:
        self.tail += data[-TAIL_BYTES:]
        del self.tail[:-TAIL_BYTES]

    def _close_source(self) -> None:
        if self.source is not None:
            os.close(self.source)
            self.source = None


class Sink:
    """A descriptor that is written to without ever waiting for its reader.

    A pipe is opened a second time for that, because a descriptor's ``O_NONBLOCK`` is shared by all who have it.
    Where that cannot be (a socket; a pipe of another user), each write is small enough to fit when ``poll`` says so.

    Attributes:
        descriptor: what to poll for room.
        shared: whether stdout goes to the same place. Writes to a pipe are then at most ``PIPE_BUF`` bytes, which
            the kernel keeps together, and end with a line: no line of stdout lands inside one of stderr.

    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.shared = _same_file(descriptor, _STDOUT)
        mode = os.fstat(descriptor).st_mode
        self._must_ask = stat.S_ISSOCK(mode)
        if stat.S_ISFIFO(mode):
            try:
                self.descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                self._must_ask = True
        self._small = self._must_ask or (self.shared and stat.S_ISFIFO(mode))

    def write(self, data: memoryview) -> int:
        """Write some of it.

        Returns:
            The bytes that need no further care: written, or lost because the sink takes nothing any more (its
            reader is gone, its disk is full), which is no reason to end a job. 0 when it has to wait.

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


def _whole_lines(data: memoryview) -> memoryview:
    return data[: bytes(data).rfind(b"\n") + 1 or len(data)]


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False
