"""The text of a JSON file of the contract, read in one way wherever it is read. Standard library only."""

from __future__ import annotations

import os

MAX_BYTES = 16 * 1024**2
"""Of a configuration file. SageMaker's own limits allow hyperparameters of 0.3 MB."""


class TooLargeError(ValueError):
    """A file that is larger than any configuration; its message says how large it may be."""


def read_json_text(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        TooLargeError: it is larger than 16 MiB.

    """
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"larger than {MAX_BYTES:,} bytes")
    return content.decode("utf-8-sig")
