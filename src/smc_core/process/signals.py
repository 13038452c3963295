"""Which signals the supervisor passes on, and how none of them is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

_FAULTS = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
    signal.SIGSYS,
    signal.SIGTRAP,
}
"""Raised by a fault in the receiving program: if the supervisor gets one, it is about the supervisor itself."""
_OWN = {
    signal.SIGCHLD,
    signal.SIGKILL,
    signal.SIGPIPE,
    signal.SIGSTOP,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGURG,
    signal.SIGXCPU,
    signal.SIGXFSZ,
}
"""About the supervisor's own children, terminal and limits, or impossible to catch."""
_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
HARMLESS_SIGNALS = frozenset({signal.SIGCONT, signal.SIGWINCH})
"""SIGCONT and SIGWINCH, which ask nobody to stop: ``fg`` and a terminal's new size send them."""
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""SIGTERM, SIGINT, SIGHUP and SIGQUIT: each asks a program to stop, and leaves it the time it needs."""
SAME_REQUEST = 0.5
"""Seconds within which a second SIGTERM or SIGINT counts as a repetition of the first."""
FORWARDED = frozenset(signal.valid_signals() - _FAULTS - _OWN)


def hold() -> None:
    """Block all signals until the supervisor takes them. To be called as early as possible.

    A signal that arrives earlier is dropped by the kernel where this is PID 1, and kills the program otherwise.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [*FORWARDED, signal.SIGCHLD])


def ignored_at_start() -> frozenset[int]:
    """The signals that this program was started with ignored, as by ``nohup`` or a shell's ``trap ''``.

    To be called before the program changes any. The ones that Python itself ignores are not included, and neither is
    SIGCHLD: with it ignored, no program could wait for its children, an installer for example.
    """
    candidates = signal.valid_signals() - _IGNORED_BY_PYTHON - {signal.SIGCHLD}
    return frozenset(number for number in candidates if signal.getsignal(number) == signal.SIG_IGN)


def restore(ignored: frozenset[int]) -> None:
    """Set signals back to what smc was started with, before exec: it hands on what is ignored or blocked.

    Args:
        ignored: what :func:`ignored_at_start` gave.

    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def name(number: int) -> str:
    """``SIGTERM`` for 15; ``signal 40`` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def taken(ignored: frozenset[int] | None = None) -> frozenset[int]:
    """The signals handled by a program that starts others: all that may be meant for the job, and SIGCHLD.

    A signal that was ignored when the program started stays ignored, as ``nohup`` asks. SIGTERM is the exception: it is
    how every job is stopped.

    Args:
        ignored: the signals that were ignored at the start; None in a program that has not changed any since.

    """
    ignored = ignored_at_start() if ignored is None else ignored
    return (FORWARDED | {signal.SIGCHLD}) - (ignored - {signal.SIGTERM})


class Inbox:
    """Collects the signals of this process, in order of arrival, to be read like a file.

    To be created in the main thread, once. SIGCHLD is among the signals (:func:`taken`), so that whoever waits for
    ``descriptor`` to be readable also learns that a child has exited.

    Attributes:
        descriptor: readable when a signal has arrived.
        ignored: the signals that the program was started with ignored.

    """

    def __init__(self) -> None:
        self.ignored = ignored_at_start()
        self.descriptor, self._end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)
        for number in taken(self.ignored):
            signal.signal(number, _do_nothing)  # the number is already in the pipe
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def take(self) -> Iterator[int]:
        """The numbers of the signals that have arrived since the last call."""
        try:
            yield from os.read(self.descriptor, 4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Block what still arrives: nothing may change an exit code that has been decided."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)
        os.close(self.descriptor)
        os.close(self._end)


class Repeats:
    """Recognises one request to stop that arrives twice.

    That happens where somebody signals a process group and a process in it, as timeout(1) does, or a group in which a
    program passes signals on.
    """

    def __init__(self) -> None:
        self._at: dict[int, float] = {}

    def is_one(self, number: int) -> bool:
        """Whether a signal that has just arrived repeats the request that came a moment ago."""
        if number not in (signal.SIGTERM, signal.SIGINT):
            return False
        now = time.monotonic()
        if number in self._at and now - self._at[number] < SAME_REQUEST:
            return True
        self._at[number] = now
        return False


def _do_nothing(_number: int, _frame: object) -> None:
    """A handler: without one, Python does not write the number to the wakeup descriptor."""
