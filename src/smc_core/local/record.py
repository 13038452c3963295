"""The record of a local job in its folder: what was asked for, and how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from typing import Any

from smc_core.contract import JobPaths, write_atomic
from smc_core.errors import ConfigurationError
from smc_core.local.folder import JOBS
from smc_core.local.request import Request
from smc_core.local.withheld import Withheld, without_secrets
from smc_core.process import processes
from smc_core.regular_file import read_regular
from smc_core.words import did_you_mean, nearest

RECORD_FILE = "job.json"
LOG_FILE = "log.txt"
_LATEST = 32503680000.0
"""Seconds since 1970, in the year 3000: later times cannot all be shown."""
_LONGEST_LINE = 4096
_LARGEST = 16 * 1024 * 1024
"""Bytes that are read of a failure's first line, and of a record."""
RUNNING, COMPLETED, FAILED, STOPPED, LOST = "running", "completed", "failed", "stopped", "lost"


@dataclasses.dataclass
class Record:
    """One local job.

    Attributes:
        name: the job's name.
        folder: its folder, absolute.
        request: what was asked for.
        job_name: the name that the job itself sees: when resumed, that of the job it resumes.
        hosts: names of its hosts; empty for a single host, whose folder is the job's.
        pid: the process that runs it.
        born: when that process started, in the kernel's clock ticks: process ids are reused.
        started: when the job started, in seconds since 1970.
        ended: when it ended, likewise; unaffected by changes to the clock meanwhile; None while it runs.
        status: running, completed, failed, stopped, or lost: its process is gone without recording an end.
        exit_code: its exit code; None while it runs.
        first_line: the first line of smc's failure message; the script may have written another one.
        site: the platform's job that it is a part of, if it is: ``platform``, ``job``, ``hosts``, ``rank``.
        machine: where it runs: the name of the machine or container, and the namespace of its process ids.
        withheld: the parts of the request that are not kept because they are secret (:mod:`smc_core.local.withheld`).
    """

    name: str
    folder: str
    request: Request
    job_name: str
    hosts: list[str] = dataclasses.field(default_factory=list)
    pid: int = dataclasses.field(default_factory=os.getpid)
    born: int | None = dataclasses.field(default_factory=lambda: _born(os.getpid()))
    started: float = dataclasses.field(default_factory=time.time)
    ended: float | None = None
    status: str = RUNNING
    exit_code: int | None = None
    first_line: str = ""
    site: dict[str, Any] = dataclasses.field(default_factory=dict)
    machine: str = dataclasses.field(default_factory=lambda: _machine())
    withheld: Withheld = dataclasses.field(default_factory=Withheld)

    def __post_init__(self) -> None:
        self._begun = _uptime()

    def end(self) -> None:
        """Record when it ended; changes to the clock meanwhile do not affect the duration."""
        self.ended = self.started + _uptime() - self._begun

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, where this process can see its process."""
        return self.machine in ("", _machine())

    @property
    def paths(self) -> JobPaths:
        """The folders below the job's own."""
        return JobPaths(self.folder)

    def host_paths(self, name: str) -> JobPaths:
        """The folders of one host; those of the job if ``name`` is empty."""
        return JobPaths(os.path.join(self.folder, name) if name else self.folder)

    @property
    def log_path(self) -> str:
        """Path of the log: stdout and stderr in order of arrival."""
        return os.path.join(self.folder, LOG_FILE)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return max((time.time() if self.ended is None else self.ended) - self.started, 0.0)

    @property
    def cause(self) -> str:
        """First line of the failure; empty if there is none."""
        head = read_regular(self.paths.failure, _LONGEST_LINE, follow=True)
        return (head or b"").decode("utf-8", "replace").partition("\n")[0] or self.first_line

    def save(self) -> None:
        """Write it into the job's folder, readable only by its owner, and without the secrets of the request."""
        request, self.withheld = without_secrets(self.request)
        content = {**dataclasses.asdict(self), "request": request.to_json()}
        write_atomic(os.path.join(self.folder, RECORD_FILE), json.dumps(content, indent=2).encode() + b"\n", 0o600)


def find(job: str) -> Record:
    """The record of a job.

    Args:
        job: its name, or its folder.

    Raises:
        ConfigurationError: there is no such job.

    """
    for folder in (os.path.join(JOBS, job), job):
        record = load(folder)
        if record is not None:
            return record
    hint = did_you_mean(nearest(job, _names(), likeness=0.4)) or "; smc jobs lists those of this folder"
    raise ConfigurationError(f"there is no job {job!r} in {os.path.abspath(JOBS)}{hint}")


def find_ended(job: str) -> Record:
    """The record of a job that has ended.

    Raises:
        ConfigurationError: there is no such job, or it is still running.

    """
    record = find(job)
    if record.status == RUNNING:
        raise ConfigurationError(f"the job {record.name} is still running (process {record.pid})")
    return record


def all_records() -> list[Record]:
    """The jobs of this folder, the latest last."""
    records = [record for name in _names() if (record := load(os.path.join(JOBS, name))) is not None]
    return sorted(records, key=lambda record: record.started)


def load(folder: str) -> Record | None:
    """The record in a job's folder; None if there is none, or it cannot be read."""
    path = os.path.realpath(os.path.join(folder, RECORD_FILE))  # a platform's job links that of its latest attempt
    try:
        content: dict[str, Any] = json.loads(read_regular(path, _LARGEST) or b"null")
        content["request"] = Request.from_json(content["request"])
        content["withheld"] = Withheld(**content.get("withheld", {}))
        known = {field.name for field in dataclasses.fields(Record)}
        record = Record(**{name: value for name, value in content.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not _is_sound(record):
        return None
    record.folder = os.path.dirname(path)  # it may have been moved
    # Without the start time, another process with the same id would pass for the job's. Another machine's are not seen.
    if record.status == RUNNING and record.is_here and (record.born is None or _born(record.pid) != record.born):
        record.status = LOST
    return record


def damaged() -> list[str]:
    """Records of this folder that exist but cannot be read."""
    paths = [os.path.join(JOBS, name, RECORD_FILE) for name in _names()]
    return [path for path in paths if os.path.lexists(path) and load(os.path.dirname(path)) is None]


def _uptime() -> float:
    """Seconds since the machine started, including suspended time."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _is_sound(record: Record) -> bool:
    """Whether every field has its type; the status is only shown, and not checked."""
    hosts = record.hosts if isinstance(record.hosts, list) else [None]
    texts = [record.name, record.folder, record.job_name, record.first_line, record.machine, *hosts]
    moments = [record.started, 0.0 if record.ended is None else record.ended]
    numbers = [record.pid, record.born or 0, record.exit_code or 0]
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(record.site, dict)
        and all(type(moment) in (int, float) and 0 <= moment < _LATEST for moment in moments)
        and all(type(number) is int for number in numbers)
    )


def _names() -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listdir(JOBS))
    return []


def _machine() -> str:
    """This machine or container, as far as it matters for the ids of processes."""
    with contextlib.suppress(OSError):
        return f"{os.uname().nodename} {os.readlink('/proc/self/ns/pid')}"
    return os.uname().nodename


def _born(pid: int) -> int | None:
    """When a process started, in clock ticks; None if it is gone."""
    found = processes.find(pid)
    return None if found is None else found.born
