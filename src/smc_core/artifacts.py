"""Write a model completely or not at all: for authors of plugins."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from smc_core.printable import cut

_NEEDED = re.compile(r"(?:pip install|requires(?: the)?) [`'\"]?([\w-]+)")
"""How libraries that import a package late report that it is missing."""
_LONGEST_TEXT = 300
"""Characters of an error's text in a line of the log."""


def error_in_a_line(error: Exception) -> str:
    """The class of an error and its text on one line of at most 300 characters, for the log.

    Args:
        error: any exception.

    """
    text = cut(" ".join(str(error).split()), _LONGEST_TEXT)  # a message may break in the middle of a sentence
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def export_note(error: Exception) -> str:
    """The log line for a copy for serving that was not written; the model itself is saved nevertheless.

    Args:
        error: what the exporter raised. A missing package is not a failure: the export is optional.

    Returns:
        ``not exported for serving: ValueError: …``, or which package the export needs.

    """
    if not isinstance(error, ImportError):
        return f"not exported for serving: {error_in_a_line(error)}"
    named = _NEEDED.search(str(error))
    package = (error.name or "").partition(".")[0] or (named.group(1) if named else "")
    return f"serving export skipped: needs {package or 'a package that is not installed'} (optional)"


def write_whole(path: str, write: Callable[[str], object]) -> str:
    """Write a file or folder under a temporary name next to it, and rename it when it is complete.

    Whatever has that name is replaced. If writing fails, nothing is left behind, and whatever was there is unchanged.

    Args:
        path: the file or folder; its parent folder is created if it is missing.
        write: called with the path to write to.

    Returns:
        ``path``, absolute.

    Raises:
        Exception: whatever ``write`` raises.
        FileNotFoundError: ``write`` has written nothing.

    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    import tempfile

    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        written = os.path.join(partial, name)
        write(written)
        os.lstat(written)  # raises where nothing was written
        # os.replace cannot replace a folder that is not empty: it is moved away first, to be deleted with the rest.
        if os.path.lexists(path) and (os.path.isdir(path) or os.path.isdir(written)):
            os.rename(path, os.path.join(partial, f"{name}.earlier"))
        os.replace(written, path)
    return path


def write_into(folder: str, write: Callable[[str], object]) -> None:
    """Write files into an empty folder, and move them into ``folder`` when all are complete.

    Files with the same names are replaced, and everything else stays. If writing fails, the folder is unchanged.

    Args:
        folder: the destination; it is created if it is missing.
        write: called with the path of an empty folder on the same file system.

    Raises:
        Exception: whatever ``write`` raises.

    """
    os.makedirs(folder, exist_ok=True)
    import tempfile

    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        write(partial)
        move_into(partial, folder)


def move_into(source: str, folder: str) -> None:
    """Move all files and folders of one folder into another, each completely; they replace those of the same names.

    Args:
        source: a folder, which is left empty.
        folder: the destination, on the same file system.

    Raises:
        OSError: one cannot be moved; those before it have been.

    """
    for name in sorted(os.listdir(source)):
        _move(os.path.join(source, name), os.path.join(folder, name))


def _move(source: str, path: str) -> None:
    write_whole(path, lambda written: os.rename(source, written))


def keep_pickled(value: Any, path: str) -> str:
    """Pickle a value, or if that fails, those parts of a tuple, list or mapping that can be pickled.

    A part that cannot is replaced by a text that describes it.

    Args:
        value: anything.
        path: the file, which is written completely or not at all.

    Returns:
        ``path``, absolute.

    Raises:
        Exception: nothing of it can be pickled, or the file cannot be written.

    """
    import pickle

    def write(written: str) -> None:
        with open(written, "wb") as file:
            pickle.dump(value, file)

    try:
        return write_whole(path, write)
    except OSError:
        raise
    except Exception:
        if isinstance(value, Mapping):
            parts: Any = {key: _picklable(part) for key, part in value.items()}
            kept = any(part is value[key] for key, part in parts.items())
        elif isinstance(value, (tuple, list)):
            parts = [_picklable(part) for part in value]
            kept = any(part is whole for part, whole in zip(parts, value, strict=True))
        else:
            raise
        if not kept:
            raise
        value = parts
        return write_whole(path, write)


class _Nowhere(io.RawIOBase):
    """A file that discards everything written to it."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def _picklable(part: Any) -> Any:
    import pickle

    try:
        pickle.dump(part, _Nowhere())
    except Exception as error:  # noqa: BLE001 - pickling runs the code of any class
        return f"{type(part).__module__}.{type(part).__qualname__}, which cannot be pickled: {error_in_a_line(error)}"
    return part
