"""Reads the reports that the job's processes have left for the supervisor; the other side of ``writer.py``.

The job can write to that folder, so its content is not trusted. Only regular files are opened, without following a link
or waiting for a writer; no more is read than a report can hold; every field has its type and its range.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import heapq
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from smc_core.contract import REPORT_DIR_ENV, WAITING_PREFIX
from smc_core.process.report.schema import (
    COMMAND_FILE,
    MAX_MESSAGE,
    MAX_NOTE,
    MAX_NOTES,
    MAX_REPORT_BYTES,
    MAX_TRACEBACK,
    REPORT_PREFIX,
)
from smc_core.regular_file import read_regular

_MAX_REPORTS = 64
"""Reports that are read; if there are more, the earliest ones."""
_MAX_NAME = 1024
"""Characters of the name of a host, a class, a phase or a place."""
_LARGEST = 2**31
_MAX_WAITING = 120
"""Characters of what a process waits for."""


class Report(NamedTuple):
    """Why one process of the job failed, as reported by itself or by its launcher.

    Attributes:
        time: seconds since the epoch.
        monotonic: the same moment on this host's monotonic clock, which nobody can set back.
        pid: the process.
        host: the host's name in the job.
        rank: the process's rank; None where no launcher gave it one.
        phase: what the process was doing.
        kind: who can fix it: user, platform or smc.
        type: the exception's class.
        message: its text; for an expected error, the sentence that says what is wrong.
        exit_call: ``sys.exit(2)``, where the process ended with such a call.
        exit_code: the code that the process was about to exit with.
        expected: whether type and message are enough, so that a traceback would add nothing.
        traceback: beginning at the user's first frame.
        place: the user's last frame, ``train.py:42, in load``; may be empty.
        child_stderr: the end of the stderr of a program that failed; empty where that went to the job's stderr; None
            where no program failed.
        notes: further lines: causes, advice, the state of a full disk.
        explanation: lines that explain the sentence of an expected error.
        details: lines that explain it further, and are already in the log.

    """

    time: float
    monotonic: float
    pid: int
    host: str
    rank: int | None
    phase: str
    kind: str
    type: str
    message: str
    exit_call: str
    exit_code: int
    expected: bool
    traceback: str
    place: str
    child_stderr: str | None
    notes: list[str]
    explanation: str = ""
    details: str = ""


class CommandNote(NamedTuple):
    """What :func:`smc_core.process.report.writer.note_command` wrote: the user's code has begun."""

    signals: str
    mode: str
    hosts: int
    code_dir: str = ""


def read_command(folder: str | None) -> CommandNote | None:
    """What the job became, or None while it is still being prepared.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    note = {} if folder is None else _load(os.path.join(folder, COMMAND_FILE))
    return CommandNote(**_checked(note, _NOTE_FIELDS)) if note and _fits(note, _NOTE_FIELDS) else None


def read_reports(folder: str | None) -> list[Report]:
    """All reports, the earliest first; one that cannot be read is skipped.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    found = []
    for path in _report_paths(folder):
        values = _load(path)
        if _fits(values, _REPORT_FIELDS):
            found.append(Report(**_checked(values, _REPORT_FIELDS)))
    return sorted(found, key=lambda report: report.monotonic)


def job_reports(environ: Mapping[str, str] = os.environ) -> list[Report]:
    """The reports of this job's processes on this host so far, the earliest first.

    Args:
        environ: the variables of a process of the job, by default those of this one.

    """
    return read_reports(environ.get(REPORT_DIR_ENV))


def first_report(pid: int | None = None, environ: Mapping[str, str] = os.environ) -> Report | None:
    """The earliest report of this job on this host; None where there is none.

    Args:
        pid: the process; None for any.
        environ: the variables of a process of the job, by default those of this one.

    """
    return next((report for report in job_reports(environ) if pid in (None, report.pid)), None)


def read_waiting(folder: str | None) -> str:
    """The plugin's hook that a process of the job waits for, or waited for when it was killed; empty for none.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    try:
        name = min(_names(folder, WAITING_PREFIX), default=None) if folder else None
    except OSError:
        return ""
    return str(_load(os.path.join(str(folder), name)).get("for", ""))[:_MAX_WAITING] if name else ""


def _report_paths(folder: str | None) -> list[str]:
    """The earliest reports: file names begin with the time, in a fixed number of digits."""
    if folder is None:
        return []
    try:
        return [os.path.join(folder, name) for name in heapq.nsmallest(_MAX_REPORTS, _names(folder, REPORT_PREFIX))]
    except OSError:
        return []


def _names(folder: str, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(".json"):
                yield entry.name


def _load(path: str) -> dict[str, Any]:
    """The content of a file; empty where no process of ours can have written it."""
    content = read_regular(path, MAX_REPORT_BYTES + 1)
    if not content or len(content) > MAX_REPORT_BYTES:
        return {}
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _fits(values: Mapping[str, Any], fields: Mapping[str, "_Field"]) -> bool:
    return all(name in values and field.is_valid(values[name]) for name, field in fields.items())


def _checked(values: Mapping[str, Any], fields: Mapping[str, "_Field"]) -> dict[str, Any]:
    return {name: field.cut(values[name]) for name, field in fields.items()}


class _Field(NamedTuple):
    """Which values a field may have, and how a value that is too long is cut."""

    is_valid: Callable[[Any], bool]
    cut: Callable[[Any], Any] = lambda value: value


def _text(longest: int) -> _Field:
    return _Field(lambda value: isinstance(value, str), lambda value: value[:longest])


def _whole(least: int, most: int) -> _Field:
    return _Field(lambda value: type(value) is int and least <= value <= most)


def _is_time(value: object) -> bool:
    return (type(value) is int and abs(value) < _LARGEST**2) or (type(value) is float and math.isfinite(value))


_TIME = _Field(_is_time, float)
_PID = _whole(0, _LARGEST)
_RANK = _Field(lambda value: value is None or _PID.is_valid(value))
_NOTES = _Field(
    lambda value: isinstance(value, list) and all(isinstance(note, str) for note in value),
    lambda value: [note[:MAX_NOTE] for note in value[:MAX_NOTES]],
)
_STDERR = _Field(lambda value: value is None or isinstance(value, str), lambda value: value and value[:MAX_MESSAGE])
_NAME = _text(_MAX_NAME)
_REPORT_FIELDS = {
    "time": _TIME,
    "monotonic": _TIME,
    "pid": _PID,
    "host": _NAME,
    "rank": _RANK,
    "phase": _NAME,
    "kind": _NAME,
    "type": _NAME,
    "message": _text(MAX_MESSAGE),
    "exit_call": _NAME,
    "exit_code": _whole(0, 255),
    "expected": _Field(lambda value: isinstance(value, bool)),
    "traceback": _text(MAX_TRACEBACK + 100),
    "place": _NAME,
    "child_stderr": _Field(
        lambda value: value is None or isinstance(value, str), lambda value: value and value[:MAX_MESSAGE]
    ),
    "notes": _NOTES,
    "explanation": _text(MAX_MESSAGE),
    "details": _text(MAX_MESSAGE),
}
_NOTE_FIELDS = {
    "signals": _Field(lambda value: value in ("process", "group")),
    "mode": _NAME,
    "hosts": _whole(0, _LARGEST),
    "code_dir": _text(4096),
}
