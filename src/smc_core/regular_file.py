"""Reads a regular file, and refuses a FIFO, a device or a folder without waiting for it. Standard library only."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


def open_regular(path: str | os.PathLike[str], *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading, in binary mode.

    Anything else is closed again: a reader of a pipe or a device might wait forever, or never reach its end.

    Args:
        path: the file.
        follow: whether it may be a link.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
        ValueError: its path contains a NUL.

    """
    # O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOCTTY: a terminal must not become the controlling one.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return open(descriptor, "rb")
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    raise OSError(number, "Is a directory" if stat.S_ISDIR(kind) else "Not a regular file", os.fspath(path))


def read_regular(path: str, most: int, *, follow: bool = False) -> bytes | None:
    """The first bytes of a file that a job may have written; None if it is not a regular file, or cannot be read.

    Args:
        path: the file.
        most: the most bytes to read.
        follow: whether it may be a link.

    """
    try:
        with open_regular(path, follow=follow) as file:
            return file.read(most)
    except (OSError, ValueError):
        return None
