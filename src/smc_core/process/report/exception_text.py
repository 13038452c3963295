"""An exception as text: its type, its message, and where it happened."""

from __future__ import annotations

import os
import sys

from smc_core.errors import SmcError
from smc_core.process.report.frames import Place


def type_name(error: BaseException) -> str:
    """Name of an exception's class as a traceback prints it: with its module, unless built in or from the script."""
    kind = type(error)
    if kind.__module__ in ("builtins", "__main__", "__mp_main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message(error: BaseException) -> str:
    """The text of an exception, with its notes (``add_note``)."""
    return "\n".join([_text(error), *_added_notes(error)])


def explanation(error: SmcError) -> str:
    """The explanation of an SmcError beside its sentence: further lines of its message, and its notes."""
    return "\n".join(filter(None, [error.explanation, *_added_notes(error)]))


def _added_notes(error: BaseException) -> list[str]:
    added = getattr(error, "__notes__", None)
    return list(map(str, added)) if isinstance(added, list) else []


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg:
        return f"{error.msg}: {error.text.strip()}" if error.text else str(error.msg)
    if isinstance(error, SystemExit):
        return str(error.code)
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - the class is the user's, and may even exit
        return "<str() of the exception failed>"


def place_text(place: Place | None, code_dir: str) -> str:
    """``train.py:42, in load``, with the path relative to the code directory; empty for no place."""
    if place is None:
        return ""
    prefix = os.path.join(code_dir, "")
    file = place.file.removeprefix(prefix)
    if file == place.file:
        file = file.removeprefix(os.path.join(os.path.dirname(_main_file()), ""))
    where = f"{file}:{place.line}"
    return where if place.function is None else f"{where}, in {place.function}"


def _main_file() -> str:
    return os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or sys.argv[0])
