"""The file in which a platform reads why a container ended: the kubelet's ``terminationMessagePath``."""

from __future__ import annotations

import contextlib
import os
import stat

MOST_BYTES = 4096
"""What the kubelet keeps of the file (``MaxContainerTerminationMessageLength``)."""
_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class ReasonFile:
    """The file, which the platform has created: it is never created here, and a link or a device is left alone.

    Args:
        path: the file; None where the platform reads none.

    """

    def __init__(self, path: str | None) -> None:
        self._path = path

    def write(self, text: str) -> None:
        """Replace its content; a file that cannot be written is no reason to fail.

        Args:
            text: the beginning is kept, as many whole characters as fit into 4,096 bytes.

        """
        if self._path is None:
            return
        content = text.encode("utf-8", "backslashreplace")[:MOST_BYTES].decode("utf-8", "ignore").encode()
        with contextlib.suppress(OSError, ValueError):
            file = os.open(self._path, _FLAGS)
            try:
                if stat.S_ISREG(os.fstat(file).st_mode):
                    os.pwrite(file, content, 0)  # the old text stays until the new one is there
                    os.ftruncate(file, len(content))
            finally:
                os.close(file)
