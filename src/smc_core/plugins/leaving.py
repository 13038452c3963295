"""``os._exit`` in a plugin, which would end the job, ``smc plugins`` or ``smc env`` as if all were well.

While a plugin is imported or answers a hook it raises, so that the plugin is named as for any other fault. Around the
user's code it is the caller who counts: a call of a plugin's raises, and one of the user's leaves, with the code that
they chose.
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
"""Hooks below which no code of the user's runs."""


@contextlib.contextmanager
def refused(whose: Callable[[FrameType], Site | None] | None = None, *, always: bool = True) -> Iterator[None]:
    """Let ``os._exit`` raise here, also where the error is swallowed or a thread has called it: then at the end.

    It leaves in a process that is forked meanwhile, in a handler of a signal that stops the job, and for whoever has
    kept a reference to it beyond this.

    Args:
        whose: the plugin and hook that a call belongs to, by the caller's frame; None where it is no plugin's.
        always: whether a call that is no plugin's raises too.

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
                raise calls[-1] if threading.get_ident() == thread else SystemExit  # ends another one without a word
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
