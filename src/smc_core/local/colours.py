"""Colours and times on a terminal, with rich (extra ``cli``); plain text everywhere else, and with ``NO_COLOR``."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from typing import TextIO

from smc_core.words import PREFIX

Paint = Callable[[str, str], str]
"""Takes a text and the name of a style; returns the text in that style."""

STYLES = {"completed": "green", "failed": "bold red", "stopped": "yellow", "lost": "magenta", "running": "cyan"}
"""How a job ended → its style."""
_OWN_LINE = re.compile(rb"^((?:\[[\w.-]+\] )?)" + re.escape(PREFIX) + rb"([^\r\n]*)", re.MULTILINE)


def painter(stream: TextIO | None) -> Paint:
    """A function that paints text for a stream; it returns plain text if that is not a terminal, or rich is missing.

    Args:
        stream: the stream; None if it was closed before this process started.

    """
    if stream is None or not stream.isatty():
        return _plain
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return _plain
    console = Console(file=stream, highlight=False)
    if console.no_color or console.color_system is None:
        return _plain
    page = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    """Used instead of the terminal itself: that may be closed, which is no reason to stop a job."""

    def paint(text: str, style: str) -> str:
        with page.capture() as captured:
            page.print(Text(text, style), end="", soft_wrap=True)
        return captured.get()

    return paint


def own_lines(paint: Paint) -> Callable[[bytes], bytes] | None:
    """A function that dims smc's own lines in output, and adds the time since now; None if everything stays plain.

    Args:
        paint: the painter of the stream that shows them.

    """
    if paint is _plain:
        return None
    begin = time.monotonic()

    def repaint(found: re.Match[bytes]) -> bytes:
        text = f"smc {time.monotonic() - begin:6.1f} s  {found[2].decode('utf-8', 'backslashreplace')}"
        return found[1] + paint(text, "dim").encode()

    return lambda data: _OWN_LINE.sub(repaint, data) if PREFIX in data else data


def _plain(text: str, _style: str) -> str:
    return text
