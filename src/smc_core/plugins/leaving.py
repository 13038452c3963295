"""Refuses ``os._exit`` in a plugin: it would end the job, ``smc plugins`` or ``smc env`` as if it had succeeded.

While a plugin is imported or answers a hook, the call raises, so that the plugin is named as for any other fault. In
hooks that run the user's code, the caller decides: a call by a plugin raises, and one by the user's code exits with the
code that it chose.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from smc_core.plugins import faults

if TYPE_CHECKING:
    from smc_core.plugins.calls import Site

WITHOUT_USER_CODE = frozenset({"create_environment", "job_variables", "launch"})
"""Hooks that never run the user's code."""


@contextlib.contextmanager
def refused(whose: Callable[[FrameType], Site | None] | None = None, *, always: bool = True) -> Iterator[None]:
    """While entered, ``os._exit`` raises; if that error is swallowed, or raised in a thread, again on leaving this.

    The call does exit in a process that is forked meanwhile, in the handler of a signal that stops the job, and through
    a reference that is used later.

    Args:
        whose: finds the plugin and hook of a call by the caller's frame; None if it is not a plugin's.
        always: whether a call raises that is not a plugin's, too.

    """
    leave, here, thread = os._exit, os.getpid(), threading.get_ident()
    calls: list[faults.LeavingError] = []
    is_over = False

    def refuse(status: int) -> NoReturn:
        frame = sys._getframe(1)
        if not is_over and os.getpid() == here and not faults.is_in_stop_handler(frame):
            site = whose(frame) if whose is not None else None
            if always or site is not None:
                calls.append(faults.LeavingError(status, site))
                raise calls[-1] if threading.get_ident() == thread else SystemExit  # ends another thread silently
        leave(status)

    os._exit = refuse
    try:
        yield
    finally:
        is_over = True
        if os._exit is refuse:
            os._exit = leave
    if calls:
        raise calls[0]
