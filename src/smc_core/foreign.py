"""The boundary at which something from outside is read: what it breaks is its own fault, and no fault of smc."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from smc_core.errors import SmcError

_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_MOST = 300


@contextlib.contextmanager
def foreign_input(kind: type[SmcError], what: str) -> Iterator[None]:
    """While entered, something from outside is read; it decorates a function too.

    Each way in which it may be wrong has an error of its own. Whatever escapes those is raised as ``kind``, so that no
    input, however odd, is reported as a fault of smc. Errors of the machine (memory, a full disk) pass.

    Args:
        kind: the error to raise.
        what: what is read, for its message.

    Raises:
        SmcError: of this kind, chained to what escaped.

    """
    try:
        yield
    except (SmcError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise
        text = "".join(character if character.isprintable() else " " for character in str(error)[:_MOST])
        raise kind(f"{what} cannot be read: {type(error).__name__}: {text}") from error
