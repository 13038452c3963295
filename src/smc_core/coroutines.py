"""Calls ``async`` functions from code that is not ``async``: the coroutine is run to its end."""

from __future__ import annotations

import inspect
from typing import Any


def finished(result: Any) -> Any:
    """The result of a call; a coroutine is run to its end, unless a running loop can await it."""
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    return result if asyncio._get_running_loop() is not None else asyncio.run(result)
