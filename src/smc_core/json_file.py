"""The text of a JSON file of the contract, read in one way wherever it is read. Standard library only."""

from __future__ import annotations

import os


class TooLargeError(ValueError):
    """A file that is larger than any configuration; its message says how large it may be."""


def read_json_text(path: str | os.PathLike[str], most: int) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        TooLargeError: it is larger than that.

    """
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TooLargeError(f"larger than {most:,} bytes")
    return content.decode("utf-8-sig")
