"""Calls of ``async`` functions by code that is not: what they give is run to its end."""

from __future__ import annotations

import inspect
from typing import Any


def finished(result: Any) -> Any:
    """What a call gave, once it is there: a coroutine is run to its end, unless a loop is running that can await it."""
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    return result if asyncio._get_running_loop() is not None else asyncio.run(result)
