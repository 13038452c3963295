"""The boundary at which foreign input is read: whatever fails there is an error in the input, not a bug in smc."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from smc_core.errors import SmcError

_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_MOST = 300


@contextlib.contextmanager
def foreign_input(kind: type[SmcError], what: str) -> Iterator[None]:
    """While entered, foreign input is read; also a decorator for functions.

    Known faults in an input have their own errors. Any other exception is raised as ``kind``, so that no input, however
    odd, is reported as a bug in smc. Errors of the machine (memory, a full disk) pass unchanged.

    Args:
        kind: the error to raise.
        what: the name of the input in its message.

    Raises:
        SmcError: of this kind, chained to the original exception.

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
