"""A time limit for code of a plugin that runs in the test's own process."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

_AGAIN = 1.0
"""Seconds until a plugin that has swallowed the interruption is interrupted again."""


class TooLongError(AssertionError):
    """Something did not return in time."""


class _Interruption(BaseException):
    """What is raised in the code that takes too long: no ``except Exception`` takes it."""


@contextlib.contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Interrupt what takes longer. Only the main thread can be interrupted; elsewhere there is no limit.

    Args:
        seconds: how long it may take.
        what: what runs, for the message.

    Raises:
        TooLongError: it took longer; says where it was.

    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    places: list[str] = []

    def interrupt(_number: int, frame: FrameType | None) -> None:
        places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "an unknown place")
        raise _Interruption

    handler = signal.signal(signal.SIGALRM, interrupt)
    begun = time.monotonic()
    outer, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)  # another timer: pytest-timeout's
    try:
        yield
    except BaseException:
        if not places:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - begun), 0.001), interval)
    if places:
        raise TooLongError(f"{what} did not return within {seconds:g} s; it was at {places[0]}")
