"""Further facts about an exception: others behind it or inside it, advice, the state of a full disk."""

from __future__ import annotations

from collections.abc import Iterator

from smc_core.process.diagnosis import disk_note, is_disk_full
from smc_core.process.report.exception_text import place_text
from smc_core.process.report.origin import carries, origin


def notes(error: BaseException, code_dir: str, *, advise: bool = True) -> list[str]:
    """Further lines about an exception, the most important first.

    Args:
        error: the exception that the process ended with.
        code_dir: the job's code directory.
        advise: whether to advise on imports that failed. Not for a step of smc: what it misses is not the user's to
            install.

    """
    found = [*_members(error, code_dir), *_chain(error, code_dir)]
    for inner in _whole_chain(error):
        if advise and isinstance(inner, ImportError):
            from smc_core.process.report.hints import import_hint

            if hint := import_hint(inner):
                found.append(hint)
        if is_disk_full(inner):
            found.append(disk_note(inner))
    return found


def _one_line(error: BaseException, code_dir: str) -> str:
    found = origin(error, code_dir)
    where = place_text(found.place, code_dir)
    text = " ".join(found.message.split())
    line = f"{found.type}: {text}" if text else found.type
    return f"{line} ({where})" if where else line


def _members(error: BaseException, code_dir: str) -> Iterator[str]:
    """The innermost exceptions of a group."""
    for inner in getattr(error, "exceptions", None) or ():
        if isinstance(inner, BaseException):
            deeper = list(_members(inner, code_dir))
            yield from deeper or [f"In the group: {_one_line(inner, code_dir)}"]


def _chain(error: BaseException, code_dir: str) -> Iterator[str]:
    for inner in list(_whole_chain(error))[1:]:
        if carries(inner):
            continue
        yield f"Behind it: {_one_line(inner, code_dir)}"


def _whole_chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those behind it (``__cause__`` or ``__context__``), the nearest first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
