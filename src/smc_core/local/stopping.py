"""When to stop a local job automatically (``--stop-after``)."""

from __future__ import annotations

import re

from smc_core.errors import ConfigurationError
from smc_core.words import PREFIX


class LinePattern:
    """Decides by a line of output whether to stop.

    Args:
        text: a regular expression, searched for in every line except smc's own.

    Raises:
        re.error: it is invalid.

    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._pattern = re.compile(text.encode())

    def __call__(self, line: bytes) -> bool:
        """Whether to stop at a line, which is passed without its end; colours are ignored."""
        plain = _ESCAPES.sub(b"", line)
        return not plain.startswith(PREFIX) and self._pattern.search(plain) is not None


StopAfter = float | LinePattern
"""Seconds from the start of the job, or the pattern of a line of its output."""
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def stop_after(text: str) -> StopAfter:
    """Parse the value of ``--stop-after``.

    Args:
        text: a time (``30s``, ``1.5m``, ``2h``; a plain number is seconds), or else a regular expression that is
            searched for in every line that the job prints, except smc's own.

    Raises:
        ConfigurationError: it is neither.

    """
    time = _TIME.fullmatch(text.strip())
    if time is not None:
        return float(time[1]) * _SECONDS[time[2]]
    try:
        return LinePattern(text)
    except re.error as error:
        raise ConfigurationError(
            f"--stop-after {text}: neither a time (30s) nor a regular expression: {error}"
        ) from error
