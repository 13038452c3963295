r"""Makes foreign text safe to show: no character of it moves a terminal's cursor or starts a new line.

Characters that are not printable (control characters, separators other than a blank, marks that change the direction of
text) are escaped as in Python: ``\x1b``, ``\n``, ``\u202e``. Standard library only.
"""

from __future__ import annotations

LONGEST_LINE = 4096
"""Characters of a line that smc itself prints."""


def in_a_line(text: str, longest: int = LONGEST_LINE) -> str:
    """A text on one line.

    Args:
        text: any text.
        longest: the most characters; a longer text is cut, with an ellipsis.

    """
    text = cut(text, longest)
    return text if text.isprintable() else _escaped(text, "")


def cut(text: str, longest: int) -> str:
    """A text; if it is longer, its end is replaced by an ellipsis."""
    return text if len(text) <= longest else f"{text[: max(longest - 1, 0)]}…"


def shortened(text: str, longest: int = 200) -> str:
    """A foreign text as messages quote it; if it is longer, its middle is replaced by an ellipsis."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def in_lines(text: str) -> str:
    """A text that keeps its newlines and tabs; other characters that are not printable are escaped."""
    return text if text.isprintable() else _escaped(text, "\n\t")


def _escaped(text: str, kept: str) -> str:
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)
