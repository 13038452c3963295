"""Find the standard library's modules before those that ``PYTHONPATH`` puts in their place.

Images set ``PYTHONPATH`` to the user's code, and a ``json.py`` or ``logging.py`` in it is meant for that code alone.
``PYTHONPATH`` itself stays as it is: the user's program finds what it finds without smc.
"""

from __future__ import annotations

import os
import sys

_given: list[str] = []


def come_first() -> None:
    """Search the standard library before all other folders in this process.

    A program of a plugin calls it first, before its other imports: the user's code is on ``PYTHONPATH`` or in the
    working directory, and a ``json.py`` or ``signal.py`` in it would be imported in place of the library's. What the
    program starts is not affected.
    """
    library = os.path.dirname(os.__file__)
    own = [library, os.path.join(library, "lib-dynload")]
    _given[:] = sys.path
    sys.path[:] = [*own, *(entry for entry in sys.path if entry not in own)]


def as_given() -> None:
    """Search the folders in Python's own order again; folders that were added meanwhile stay in front."""
    if _given:
        sys.path[:] = [*(entry for entry in sys.path if entry not in _given), *_given]
        _given.clear()
