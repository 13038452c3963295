"""The result of a transfer: one file with its name, or a folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Downloaded:
    """A file or folder that was transferred to this machine.

    Attributes:
        path: where it is now, under a temporary name.
        name: the real name of the file; None for a folder.
        bytes: the bytes transferred.
    """

    path: str
    name: str | None
    bytes: int
