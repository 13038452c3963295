"""Reads what the job's processes have left for the supervisor; the other side of ``reports.py``."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, NamedTuple

from smc_core.contract import WAITING_PREFIX
from smc_core.process.reports import COMMAND_FILE, REPORT_PREFIX

_MAX_REPORTS = 64
"""Reports that are read; of a job with more ranks the earliest ones."""
_MAX_WAITING = 120
"""Characters that are read of what a process waits for."""


class Report(NamedTuple):
    """What ended one Python process of the job, as :func:`smc_core.process.reports.write_report` wrote it.

    Attributes:
        time: seconds since the epoch.
        pid: the process.
        host: the host's name in the job.
        rank: the process's rank; None where no launcher gave it one.
        phase: what the process was doing.
        kind: who can mend it: user, platform or smc.
        type: the exception's class.
        message: its text.
        exit_code: what the process meant to end with.
        expected: whether type and message say it all, and a traceback would say nothing more.
        traceback: beginning at the user's first frame.
        place: the user's own last frame, ``train.py:42, in load``; may be empty.
        notes: further lines: causes, advice, the state of a full disk.

    """

    time: float
    pid: int
    host: str
    rank: int | None
    phase: str
    kind: str
    type: str
    message: str
    exit_code: int
    expected: bool
    traceback: str
    place: str
    notes: list[str]


class CommandNote(NamedTuple):
    """What :func:`smc_core.process.reports.note_command` wrote: the user's code has begun."""

    kind: str
    mode: str
    hosts: int


def read_command(folder: str | None) -> CommandNote | None:
    """What the job became, or None while it is still being prepared.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    note = {} if folder is None else _load(os.path.join(folder, COMMAND_FILE))
    try:
        return CommandNote(str(note["kind"]), str(note["mode"]), int(note["hosts"])) if note else None
    except (KeyError, TypeError, ValueError):
        return None


def read_reports(folder: str | None) -> list[Report]:
    """All reports, the earliest first; one that cannot be read is left out.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    found = []
    for path in _report_paths(folder)[:_MAX_REPORTS]:
        values = _load(path)
        with contextlib.suppress(KeyError, TypeError):
            found.append(Report(**{field: values[field] for field in Report._fields}))
    return sorted(found, key=lambda report: report.time)


def read_waiting(folder: str | None) -> str:
    """What a process of the job waits for, or waited for when it was ended: a plugin's hook; empty for nothing.

    Args:
        folder: the folder of reports; None where the job has none.

    """
    try:
        names = sorted(name for name in os.listdir(folder or "/nonexistent") if name.startswith(WAITING_PREFIX))
    except OSError:
        return ""
    return str(_load(os.path.join(str(folder), names[0])).get("for", ""))[:_MAX_WAITING] if names else ""


def _report_paths(folder: str | None) -> list[str]:
    """In the order of their names, which begin with the time."""
    if folder is None:
        return []
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    reports = [name for name in names if name.startswith(REPORT_PREFIX) and name.endswith(".json")]
    return [os.path.join(folder, name) for name in sorted(reports)]


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
