"""Finds the one line of an installer's output that says why it failed: a compiler's error is far above the end."""

from __future__ import annotations

import re

from smc_core.printable import cut

LONGEST_LINE = 300
"""Characters kept of a line of an installer: a compiler's command line has thousands."""
_LONGEST_CAUSE = 130
"""Characters: few enough to fit, with the text in front of it, into the first line of a failure file."""
_BRANCH = "╰─▶"
"""uv's reason follows this mark, over several lines; the further ones are indented."""
_CONCLUSION = ", we can conclude that your requirements are unsatisfiable."
_NOTES = re.compile(
    r"\s*(?:note: This (?:error originates from|is an issue with)|hint: See (?:above|below)|\[notice\]|"
    r"WARNING: (?:Running pip as|You are using pip))"
)
_PREFIX = re.compile(r"^(?:ERROR: |error: |cause: |Caused by: |[\u2502\u2570\u2500>\u25b6\u00d7]+ )+", re.IGNORECASE)
_FIRST, _LAST = True, False
_PATTERNS = (
    # a compiler with its place; Rust, a linker, CMake; a missing or failing build tool
    (_FIRST, re.compile(r"\S+:\d+(?::\d+)?: (?:fatal )?error: ")),
    (_FIRST, re.compile(r"error\[E\d+\]: |\bld: .*cannot find |undefined reference to |^CMake Error")),
    (_FIRST, re.compile(r"error: command '.*' failed: |(?:command|cargo|rustc|cmake|ninja).* not found")),
    # a Python exception in a build
    (_LAST, re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit): \S")),
    # the installer itself
    (_LAST, re.compile(r"ERROR: (?:No matching distribution|Cannot install|Could not install|THESE PACKAGES)")),
    (_LAST, re.compile(r"^(?:Caused by|cause): ")),
    (
        _LAST,
        re.compile(r"^(?:ERROR|error): (?!subprocess-exited-with|metadata-generation|failed-wheel|No solution found)"),
    ),
)
"""Whether the first or the last line of a kind counts, and its pattern; kinds nearest to the cause come first."""


class CauseSearch:
    """Reads an installer's lines as they come."""

    def __init__(self) -> None:
        self._found: dict[int, str] = {}
        self._branch: list[str] = []
        self._in_branch = False

    def look_at(self, line: str) -> None:
        """Read the next line."""
        text = line.strip()
        if self._in_branch and line.startswith("      ") and text:
            self._branch.append(text)
            return
        self._in_branch = text.startswith(_BRANCH)
        if self._in_branch and not self._branch:
            self._branch.append(text.removeprefix(_BRANCH).strip())
        for rank, (first, pattern) in enumerate(_PATTERNS):
            if pattern.search(text):
                if not (first and rank in self._found):
                    self._found[rank] = text
                return

    @property
    def cause(self) -> str:
        """The line that says why, without its prefixes; empty if there is none."""
        nearest = min(self._found, default=None)
        text = self._found[nearest] if nearest is not None else ""
        if self._branch and (nearest is None or nearest > 2):
            text = " ".join(self._branch)
        text = text.removesuffix(_CONCLUSION)
        return cut(_PREFIX.sub("", text), _LONGEST_CAUSE)


def is_note(line: str) -> bool:
    """Whether a line of an installer is about the installer, and not about what failed."""
    return _NOTES.match(line) is not None
