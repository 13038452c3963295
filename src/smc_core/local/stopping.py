"""When a local job is stopped by itself (``--stop-after``)."""

from __future__ import annotations

import re
from collections.abc import Callable

from smc_core.errors import ConfigurationError

StopAfter = float | Callable[[bytes], bool]
"""Seconds from the start of the job, or what says of a line of its output whether to stop."""
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def stop_after(text: str) -> StopAfter:
    """Read the value of ``--stop-after``.

    Args:
        text: a time (``30s``, ``1.5m``, ``2h``; a number alone is seconds), or else a regular expression that is
            looked for in every line that the job prints, smc's own excepted.

    Raises:
        ConfigurationError: it is neither.

    """
    time = _TIME.fullmatch(text.strip())
    if time is not None:
        return float(time[1]) * _SECONDS[time[2]]
    try:
        pattern = re.compile(text.encode())
    except re.error as error:
        raise ConfigurationError(
            f"--stop-after {text}: neither a time, as 30s, nor a regular expression: {error}"
        ) from error
    return lambda line: not line.startswith(b"smc: ") and pattern.search(line) is not None
