"""Reading a file that may be something else: a FIFO, a device or a folder is not waited for. Standard library only."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


def open_regular(path: str | os.PathLike[str], *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading, in bytes.

    A pipe, a device or a folder is not opened for good: a reader of it would wait forever, or never come to its end.

    Args:
        path: the file.
        follow: whether it may be a link.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        ValueError: there is a NUL in its path.

    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return open(descriptor, "rb")
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    raise OSError(number, "Is a directory" if stat.S_ISDIR(kind) else "Not a regular file", os.fspath(path))


def read_regular(path: str, most: int, *, follow: bool = False) -> bytes | None:
    """The first bytes of a file that a job may have written; None for anything else, and where nothing can be read.

    Args:
        path: of the file.
        most: bytes.
        follow: whether it may be a link.

    """
    try:
        with open_regular(path, follow=follow) as file:
            return file.read(most)
    except (OSError, ValueError):
        return None
