"""The standard descriptors, where a careless parent has closed them."""

from __future__ import annotations

import os


def open_standard_descriptors() -> None:
    """Open what is closed, for the job too, or the next file to be opened would become stdin, stdout or stderr."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(opened, True)
