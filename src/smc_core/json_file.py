"""Reads the JSON files of the contract, in the same way everywhere. Standard library only."""

from __future__ import annotations

import json
import os
from typing import Any

from smc_core.regular_file import open_regular

MOST_NESTED = 100
"""Levels of nested lists and objects: few enough to walk through a value by recursion."""


class TooLargeError(ValueError):
    """A file that is too large for a configuration; the message says how large it may be."""


def read_json_text(path: str | os.PathLike[str], most: int) -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark; never waits, not even for a FIFO.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: it cannot be read, or is not a regular file.
        UnicodeDecodeError: it is not UTF-8.
        TooLargeError: it is larger than that.

    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TooLargeError(f"larger than {most:,} bytes")
    return content.decode("utf-8-sig")


def parse_json(text: str, **options: Any) -> Any:
    """The value that a text is in JSON; not one that is nested so deeply that using it fails.

    Args:
        text: the JSON.
        options: those of :func:`json.loads`.

    Raises:
        ValueError: it is no JSON, or nested more than 100 deep.

    """
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_NESTED} deep") from None
    if text.count("[") + text.count("{") > MOST_NESTED:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested more than {MOST_NESTED} deep")


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
