"""Reads the end of the job's stderr: its last lines, and the place that Python's fault handler names."""

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
"""The beginnings of the lines that the fault handler writes after its first."""


def tail_text(tail: bytes) -> str:
    """The tail as text, in whole lines: a first line that may have been cut is dropped, unless it is the only one."""
    text = tail.decode("utf-8", "backslashreplace")
    if len(tail) >= TAIL_BYTES:
        text = text.partition("\n")[2] or text
    return text


def last_lines(text: str, most: int) -> list[str]:
    """The last lines that are not empty.

    Colours are removed, and only the last state of a progress bar is kept. Lines of smc itself are dropped: those that
    it prints, and its frames below the script's in the output of Python's fault handler.

    Args:
        text: the end of stderr.
        most: number of lines.

    """
    shown = [_COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2]).rstrip() for line in text.split("\n")]
    ours = (PREFIX.decode(), *(f'  File "{runner}"' for runner in SCRIPT_RUNNERS))
    return [line for line in shown if line and not line.startswith(ours)][-most:]


def fault_place(text: str, code_dir: str) -> str:
    """The user's last frame in the output of Python's fault handler, ``train.py:5, in crash``; empty for no output.

    Args:
        text: the end of stderr.
        code_dir: the job's code directory; paths in it are shown relative.

    """
    _, found, text_after = text.rpartition(_FAULT)
    if not found:
        return ""
    frames = list(_FAULT_FRAME.finditer(text_after.partition("Current thread")[2].partition("\n\n")[0]))
    own = [frame for frame in frames if not is_library(frame["file"])] or frames
    if not own:
        return ""
    return f"{shown_path(own[0]['file'], code_dir)}:{own[0]['line']}, in {own[0]['function']}"


def last_fault(text: str) -> str:
    """What Python's fault handler reported last, ``Segmentation fault`` for example; empty where more lines follow it.

    Args:
        text: the end of stderr.

    """
    _, found, text_after = text.rpartition(_FAULT)
    what, _, rest = text_after.partition("\n")
    more = any(line.strip() and not line.startswith(_OF_A_FAULT) for line in rest.split("\n"))
    return what.strip() if found and not more else ""


def shown_path(file: str, code_dir: str) -> str:
    """A file of the user's as all messages show it: relative to the code directory, where it is inside."""
    return file.removeprefix(os.path.join(code_dir, ""))


def without_traceback(text: str, traceback: str) -> str:
    """What was on stderr before the traceback of the exception that the process ended with.

    Args:
        text: the end of stderr.
        traceback: that traceback, as it was reported; the markers (``^^^^``) may differ from those on stderr.

    """
    own = traceback.strip()
    start = text.rfind(own) if own else -1
    if start < 0 and own and last_lines(text, 1) == last_lines(own, 1):
        start = text.rfind(_TRACEBACK)
    return text if start < 0 else text[:start]
