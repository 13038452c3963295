"""Parts that many messages share: the prefix, the nearest name, a list of limited length."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


PREFIX = b"smc: "
"""The prefix of every line of smc itself on stderr: it distinguishes them from the job's lines."""


def nearest(name: str, known: Iterable[str], *, most: int = 1, likeness: float = 0.6) -> list[str]:
    """The known names that are most similar to a name, the nearest first.

    Args:
        name: as it was given.
        known: the names that there are.
        most: how many to return at most.
        likeness: from 0 to 1 (equal); names less alike are left out.

    """
    import difflib  # an error alone needs it

    return difflib.get_close_matches(name, list(known), n=most, cutoff=likeness)


def did_you_mean(near: Iterable[str]) -> str:
    """``; did you mean a or b?``, for the end of a message; empty if there is no similar name."""
    names = list(near)
    return f"; did you mean {' or '.join(names)}?" if names else ""


def how_long(seconds: float) -> str:
    """A short time as people read it: ``0.4 ms``, ``12.0 s``."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def some_of(names: Sequence[str], most: int, *, total: int | None = None) -> str:
    """``a, b and 7 more``.

    Args:
        names: in the order in which they are shown.
        most: how many to show at most.
        total: how many there are; by default as many as names.

    """
    shown = names[:most]
    more = (len(names) if total is None else total) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
