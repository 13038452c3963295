"""The folder in which the job's processes leave word for the supervisor; the supervisor's side of ``reports.py``."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from smc_core.process.reports import COMMAND_FILE, REPORT_PREFIX, RESERVE_FILE

_RESERVE_BYTES = 192 * 1024
_MAX_REPORTS = 64
"""Reports that are read; of a job with more ranks the earliest ones."""


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


class ReportDir:
    """The folder, made in the first place that can be written to.

    Attributes:
        path: absolute; None where no place can be written to, and the job runs without reports.

    """

    def __init__(self, environ: Mapping[str, str], output_dir: str) -> None:
        self.path: str | None = None
        for place in (environ.get("TMPDIR"), "/tmp", "/dev/shm", "/var/tmp", "/run", output_dir, "."):  # noqa: S108
            if place:
                with contextlib.suppress(OSError, ValueError):
                    self.path = _make(os.path.abspath(place))
                    return

    def command(self) -> CommandNote | None:
        """What the job became, or None while it is still being prepared."""
        note = self._load(COMMAND_FILE)
        try:
            return CommandNote(str(note["kind"]), str(note["mode"]), int(note["hosts"])) if note else None
        except (KeyError, TypeError, ValueError):
            return None

    def reports(self) -> list[Report]:
        """All reports, the earliest first; one that cannot be read is left out."""
        found = []
        for name in self._report_names()[:_MAX_REPORTS]:
            values = self._load(name)
            with contextlib.suppress(KeyError, TypeError):
                found.append(Report(**{field: values[field] for field in Report._fields}))
        return sorted(found, key=lambda report: report.time)

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            for name in os.listdir(self.path):
                os.unlink(os.path.join(self.path, name))
            os.rmdir(self.path)

    def _report_names(self) -> list[str]:
        if self.path is None:
            return []
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        return sorted(name for name in names if name.startswith(REPORT_PREFIX) and name.endswith(".json"))

    def _load(self, name: str) -> dict[str, Any]:
        if self.path is None:
            return {}
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                value = json.loads(file.read())
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def _make(place: str) -> str:
    folder = os.path.join(place, f"smc-{os.getpid()}-{os.urandom(4).hex()}")
    os.mkdir(folder, 0o700)
    try:
        with open(os.path.join(folder, RESERVE_FILE), "wb") as file:
            file.write(bytes(_RESERVE_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, RESERVE_FILE))
            os.rmdir(folder)
        raise
    return folder
