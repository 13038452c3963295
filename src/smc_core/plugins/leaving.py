"""``os._exit`` in a plugin: while it is imported, or answers a hook before the user's code is there.

It would end ``smc plugins`` or ``smc env`` without a word and with exit code 0. There it raises, so that the plugin is
named as for any other fault. Around the user's code it stays what it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NoReturn

WITHOUT_USER_CODE = frozenset({"create_environment", "job_variables", "launch"})
"""Hooks below which no code of the user's runs."""


class _LeavingError(SystemExit):
    """Reported as the call that it stands for: ``raised os._exit(0)``."""


_LeavingError.__qualname__ = "os._exit"


@contextlib.contextmanager
def raises(hook: str | None = None) -> Iterator[None]:
    """Let ``os._exit`` raise here; not in a process that is forked meanwhile, nor in a hook around the user's code.

    Args:
        hook: the hook that is called; None for an import.

    """
    if hook is not None and hook not in WITHOUT_USER_CODE:
        yield
        return
    leave, here = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != here:
            leave(status)
        raise _LeavingError(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave
