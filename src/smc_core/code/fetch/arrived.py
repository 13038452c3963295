"""What a transfer leaves: one file with its name, or a folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arrived:
    """Something that was transferred to this machine.

    Attributes:
        path: where it lies now, under a temporary name.
        name: what the file is called; None for a folder.
        bytes: how much was transferred.
    """

    path: str
    name: str | None
    bytes: int
