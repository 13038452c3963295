r"""Text from outside, as it may be shown: no character of it moves a terminal's cursor or begins a line of its own.

What is not printable (control characters, separators other than a blank, marks that turn the direction of text) stands
as Python writes it: ``\x1b``, ``\n``, ``\u202e``. Standard library only.
"""

from __future__ import annotations

LONGEST_LINE = 4096
"""Characters of a line that smc itself says."""


def in_a_line(text: str, longest: int = LONGEST_LINE) -> str:
    """A text on one line.

    Args:
        text: whatever there is.
        longest: characters after which it is cut, with an ellipsis.

    """
    text = cut(text, longest)
    return text if text.isprintable() else _escaped(text, "")


def cut(text: str, longest: int) -> str:
    """A text, its end replaced by an ellipsis where it is longer."""
    return text if len(text) <= longest else f"{text[: max(longest - 1, 0)]}…"


def shortened(text: str, longest: int = 200) -> str:
    """A text from outside as a message quotes it: its middle left out where it is longer."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def in_lines(text: str) -> str:
    """A text with its own lines and tabs; everything else that is not printable is escaped."""
    return text if text.isprintable() else _escaped(text, "\n\t")


def _escaped(text: str, kept: str) -> str:
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)
