"""An exception in words: its type, its message, where it happened, and what else helps to understand it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from smc_core.errors import SmcError
from smc_core.process.diagnosis import disk_note, is_disk_full
from smc_core.process.frames import Place, own_place


def type_name(error: BaseException) -> str:
    """Name of an exception's class as a traceback prints it: with the module, but for built-in and script classes."""
    kind = type(error)
    if kind.__module__ in ("builtins", "__main__", "__mp_main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message(error: BaseException) -> str:
    """The text of an exception, with the notes that were added to it."""
    if isinstance(error, SyntaxError) and error.msg:
        text = str(error.msg)
        if error.text:
            text = f"{text}: {error.text.strip()}"
    elif isinstance(error, SystemExit):
        text = str(error.code)
    else:
        try:
            text = str(error)
        except Exception:  # noqa: BLE001 - the class is the user's
            text = "<str() of the exception failed>"
    if isinstance(error, SmcError) and error.details:
        text = f"{text}\n{error.details}"
    added = getattr(error, "__notes__", None)
    return "\n".join([text, *map(str, added)]) if isinstance(added, list) else text


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


def notes(error: BaseException, code_dir: str) -> list[str]:
    """What else there is to say: exceptions behind this one or inside it, advice, the state of a full disk."""
    found = [*_members(error, code_dir), *_chain(error, code_dir)]
    for inner in _whole_chain(error):
        if isinstance(inner, ImportError):
            from smc_core.process.hints import import_hint

            if hint := import_hint(inner):
                found.append(hint)
        if is_disk_full(inner):
            found.append(disk_note(inner))
    return found


def _main_file() -> str:
    return os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or sys.argv[0])


def _one_line(error: BaseException, code_dir: str) -> str:
    where = place_text(own_place(error, code_dir), code_dir)
    text = " ".join(message(error).split())
    line = f"{type_name(error)}: {text}" if text else type_name(error)
    return f"{line} ({where})" if where else line


def _members(error: BaseException, code_dir: str) -> Iterator[str]:
    """The exceptions in a group, innermost ones only."""
    for inner in getattr(error, "exceptions", None) or ():
        if isinstance(inner, BaseException):
            deeper = list(_members(inner, code_dir))
            yield from deeper or [f"In the group: {_one_line(inner, code_dir)}"]


def _chain(error: BaseException, code_dir: str) -> Iterator[str]:
    for inner in list(_whole_chain(error))[1:]:
        yield f"Behind it: {_one_line(inner, code_dir)}"


def _whole_chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those it was raised from or while handling, nearest first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
