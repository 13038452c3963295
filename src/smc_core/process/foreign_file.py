"""Reading a file that a job may have written, or put something else in its place."""

from __future__ import annotations

import os
import stat


def read_regular(path: str, most: int, *, follow: bool = False) -> bytes | None:
    """The first bytes of a regular file; None for anything else, and where nothing can be read.

    A pipe, a device or a folder is not opened for good: a reader of it would wait for ever, or never come to its end.

    Args:
        path: of the file.
        most: bytes.
        follow: whether it may be a link.

    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except (OSError, ValueError):  # a ValueError: a NUL in the path
        return None
