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
"""Raised by a fault in the program that gets them: one that the supervisor gets is about the supervisor."""
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
"""About the supervisor's own children, terminal and limits, or beyond any program."""
_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
HARMLESS_SIGNALS = frozenset({signal.SIGCONT, signal.SIGWINCH})
"""SIGCONT and SIGWINCH, which ask nobody to stop: ``fg`` and a terminal's new size send them."""
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""SIGTERM, SIGINT, SIGHUP and SIGQUIT: each asks a program to stop, and leaves it the time that it needs."""
SAME_REQUEST = 0.5
"""Seconds in which a second SIGTERM or SIGINT is the first one once more."""
FORWARDED = frozenset(signal.valid_signals() - _FAULTS - _OWN)


def hold() -> None:
    """Keep all signals waiting until the supervisor takes them. To be called as early as a program can.

    As PID 1 a signal that arrives before is dropped by the kernel, and otherwise it ends the program.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [*FORWARDED, signal.SIGCHLD])


def ignored_at_start() -> frozenset[int]:
    """The signals that this program was started with ignored, as by ``nohup`` or a shell's ``trap ''``.

    To be called before the program changes any. What Python itself ignores is not among them, and neither is SIGCHLD:
    every program that waits for its children, an installer say, counts on it.
    """
    told = signal.valid_signals() - _IGNORED_BY_PYTHON - {signal.SIGCHLD}
    return frozenset(number for number in told if signal.getsignal(number) == signal.SIG_IGN)


def restore(ignored: frozenset[int]) -> None:
    """Be as smc was started, before this process becomes another program: exec passes on what is ignored or blocked.

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
    """The signals that a program takes which starts others: all that may be meant for the job, and SIGCHLD.

    What was ignored when the program started stays ignored, as ``nohup`` asks; but SIGTERM is always taken, for by it
    every job is stopped.

    Args:
        ignored: the signals that were ignored then; None in a program that has not changed any since.

    """
    ignored = ignored_at_start() if ignored is None else ignored
    return (FORWARDED | {signal.SIGCHLD}) - (ignored - {signal.SIGTERM})


class Inbox:
    """Takes the signals of this process, in the order in which they arrive, to be read like a file.

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
        """The numbers of the signals that have arrived since."""
        try:
            yield from os.read(self.descriptor, 4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Hold back what still arrives: nothing may change an exit code that is decided."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)
        os.close(self.descriptor)
        os.close(self._end)


class Repeats:
    """Tells a request to end from the same one that comes once more.

    Whoever signals a process group as well as a process of it, as timeout(1) does, or a group with a program in it that
    passes signals on, sends one request twice.
    """

    def __init__(self) -> None:
        self._at: dict[int, float] = {}

    def is_one(self, number: int) -> bool:
        """Whether the signal, which has come now, is the request that came a moment ago."""
        if number not in (signal.SIGTERM, signal.SIGINT):
            return False
        now = time.monotonic()
        if number in self._at and now - self._at[number] < SAME_REQUEST:
            return True
        self._at[number] = now
        return False


def _do_nothing(_number: int, _frame: object) -> None:
    """A handler, so that the signal is caught."""
