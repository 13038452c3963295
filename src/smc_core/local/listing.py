"""What ``smc jobs`` and ``smc logs`` tell of the local jobs of this folder."""

from __future__ import annotations

import json
import os
import sys
import time

from smc_core import printable
from smc_core.errors import ConfigurationError
from smc_core.local import looks
from smc_core.local import record as records
from smc_core.local.folder import JOBS
from smc_core.local.record import Record
from smc_core.local.streams import write_all
from smc_core.process import log
from smc_core.process.outcome.headline import duration
from smc_core.table import table

_LONGEST_CELL = 100
_CHUNK = 256 * 1024


def jobs(*, as_json: bool) -> str:
    """The local jobs, the latest last: outcome, duration, first line of the failure.

    Args:
        as_json: JSON rather than text for people.

    """
    found = records.all_records()
    for path in records.damaged():
        log.line(f"{path} is damaged: that job is left out")
    if as_json:
        return json.dumps([_content(record) for record in found], indent=2)
    if not found:
        return f"no jobs in {os.path.abspath(JOBS)}; smc run train.py makes one"
    rows = [["job", "outcome", "started", "took", "first line of the failure"]]
    head, *lines = table([*rows, *map(_row, found)])
    paint = looks.painter(sys.stdout)
    shown = [_painted(line, record, paint) for line, record in zip(lines, found, strict=True)]
    return "\n".join([paint(head, "bold"), *shown])


def logs(job: str) -> None:
    """Write the log of a job to stdout, byte for byte.

    Args:
        job: its name or folder.

    Raises:
        ConfigurationError: there is no such job, or no log of it.
        OSError: it cannot be written.

    """
    record = records.find(job)
    try:
        file = open(record.log_path, "rb")  # noqa: SIM115 - closed below; an error of writing is not told as one of it
    except OSError as error:
        raise ConfigurationError(
            f"the log of the job {record.name} cannot be read: {record.log_path}: {error.strerror}; "
            "what else is kept of the job lies beside it"
        ) from error
    with file:
        while data := file.read(_CHUNK):
            write_all(sys.stdout.fileno(), data)


def _painted(line: str, record: Record, paint: looks.Paint) -> str:
    status = _status(record)
    start = line.index(status, len(_cell(record.name)))
    return line[:start] + paint(status, looks.STYLES.get(status, "none")) + line[start + len(status) :]


def _status(record: Record) -> str:
    """As it stands in the record, which another version of smc may have written, or a person."""
    return _cell(str(record.status))


def _cell(text: str) -> str:
    return printable.in_a_line(text, _LONGEST_CELL)


def _row(record: Record) -> list[str]:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
    took = "-" if record.status == records.LOST else duration(record.seconds)
    return [_cell(record.name), _status(record), started, took, _cell(record.cause) or "-"]


def _content(record: Record) -> dict[str, object]:
    return {
        "name": record.name,
        "status": record.status,
        "exit_code": record.exit_code,
        "started": record.started,
        "ended": record.ended,
        "seconds": None if record.status == records.LOST else round(record.seconds, 3),
        "failure": record.cause or None,
        "folder": record.folder,
        "hosts": record.hosts,
    }
