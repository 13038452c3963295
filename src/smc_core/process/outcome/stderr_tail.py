"""What the end of the job's stderr shows: its last lines, and the place that Python's fault handler names."""

from __future__ import annotations

import os
import re

from smc_core.process.limits import TAIL_BYTES
from smc_core.process.report.frames import SCRIPT_RUNNERS, is_library
from smc_core.words import PREFIX

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TRACEBACK = "Traceback (most recent call last):"
_FAULT = "Fatal Python error: "
_FAULT_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>[0-9]+) in (?P<function>.*)$', re.MULTILINE)
_OF_A_FAULT = ("  ", "Current thread", "Thread ", "Extension modules: ")
"""How the lines begin that the fault handler writes after the first."""


def tail_text(tail: bytes) -> str:
    """The tail as text, in whole lines: a first line that was cut is left out, unless it is the only one."""
    text = tail.decode("utf-8", "backslashreplace")
    if len(tail) >= TAIL_BYTES:
        text = text.partition("\n")[2] or text
    return text


def last_lines(text: str, most: int) -> list[str]:
    """The last lines that say something.

    Colours are removed, of a progress bar only its last state is kept, and smc's own lines are left out: what it
    says itself, and the frames under the script's that Python's fault handler sees.

    Args:
        text: the end of stderr.
        most: number of lines.

    """
    shown = [_COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2]).rstrip() for line in text.split("\n")]
    ours = (PREFIX.decode(), *(f'  File "{runner}"' for runner in SCRIPT_RUNNERS))
    return [line for line in shown if line and not line.startswith(ours)][-most:]


def fault_place(text: str, code_dir: str) -> str:
    """The user's own last frame as Python's fault handler wrote it, ``train.py:5, in crash``; empty where it did not.

    Args:
        text: the end of stderr.
        code_dir: the job's code directory; paths in it are shown relative.

    """
    _, found, told = text.rpartition(_FAULT)
    if not found:
        return ""
    frames = list(_FAULT_FRAME.finditer(told.partition("Current thread")[2].partition("\n\n")[0]))
    own = [frame for frame in frames if not is_library(frame["file"])] or frames
    if not own:
        return ""
    return f"{shown_path(own[0]['file'], code_dir)}:{own[0]['line']}, in {own[0]['function']}"


def last_fault(text: str) -> str:
    """What Python's fault handler reported last, such as ``Segmentation fault``; empty where more was said after it.

    Args:
        text: the end of stderr.

    """
    _, found, told = text.rpartition(_FAULT)
    what, _, rest = told.partition("\n")
    more = any(line.strip() and not line.startswith(_OF_A_FAULT) for line in rest.split("\n"))
    return what.strip() if found and not more else ""


def shown_path(file: str, code_dir: str) -> str:
    """A file of the user's as it is told everywhere: relative to the code directory where it is below."""
    return file.removeprefix(os.path.join(code_dir, ""))


def without_traceback(text: str, traceback: str) -> str:
    """What was on stderr before the traceback of the exception that ended the process.

    Args:
        text: the end of stderr.
        traceback: that traceback, as it was reported; Python may have drawn its markers otherwise.

    """
    own = traceback.strip()
    start = text.rfind(own) if own else -1
    if start < 0 and own and last_lines(text, 1) == last_lines(own, 1):
        start = text.rfind(_TRACEBACK)
    return text if start < 0 else text[:start]
