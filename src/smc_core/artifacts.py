"""Write a model so that it is there whole or not at all: for authors of plugins."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable

_NEEDED = re.compile(r"(?:pip install|requires(?: the)?) [`'\"]?([\w-]+)")
"""How libraries that load a package late say which one they miss."""


def in_a_line(error: Exception) -> str:
    """The class of an error and the first line of its text: for the log, where a copy for serving cannot be written."""
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"


def export_note(error: Exception) -> str:
    """What the log says of a copy for serving that was not written; the model itself is saved all the same.

    Args:
        error: what the exporter raised. A package that is missing is no fault: the export is optional.

    """
    if not isinstance(error, ImportError):
        return f"not exported for serving: {in_a_line(error)}"
    named = _NEEDED.search(str(error))
    package = (error.name or "").partition(".")[0] or (named.group(1) if named else "")
    return f"serving export skipped: needs {package or 'a package that is not installed'} (optional)"


def write_whole(path: str, write: Callable[[str], object]) -> str:
    """Write a file or folder under a temporary name beside it, and give it its name when it is whole.

    What was there under that name is replaced. A write that fails leaves nothing behind, and what was there as it was.

    Args:
        path: the file or folder; the folder above it is made where it is missing.
        write: called with the path to write to.

    Returns:
        ``path``, absolute.

    Raises:
        Exception: whatever ``write`` raises.
        FileNotFoundError: it has written nothing.

    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        written = os.path.join(partial, name)
        write(written)
        os.lstat(written)
        if os.path.lexists(path) and (os.path.isdir(path) or os.path.isdir(written)):
            os.rename(path, os.path.join(partial, f"{name}.earlier"))
        os.replace(written, path)
    return path


def write_into(folder: str, write: Callable[[str], object]) -> None:
    """Have files written into an empty folder, and move each into ``folder`` when all are whole.

    What was there under a name that is written is replaced, and everything else stays. A write that fails leaves the
    folder as it was.

    Args:
        folder: where the files belong; it is made where it is missing.
        write: called with the path of an empty folder beside them.

    Raises:
        Exception: whatever ``write`` raises.

    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        write(partial)
        for name in sorted(os.listdir(partial)):
            written = os.path.join(partial, name)
            write_whole(os.path.join(folder, name), lambda path, written=written: os.rename(written, path))  # type: ignore[misc]
