"""``smc jobs``: the local jobs of this folder."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from smc_core.cli.parser import add_json, command

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands
    from smc_core.local.colours import Paint
    from smc_core.local.record import Record

_LONGEST_CELL = 100


def add(commands: Commands) -> None:
    """Declare it."""
    add_json(command(commands, "jobs", "list the local jobs of this folder and how they ended"))


def handle(options: argparse.Namespace) -> int:
    """Print them, the latest last: outcome, duration, first line of the failure."""
    from smc_core.local import record as records
    from smc_core.local.folder import JOBS
    from smc_core.local.together import of_all_hosts
    from smc_core.process import log

    found = [of_all_hosts(os.path.join(JOBS, record.name), record) for record in records.all_records()]
    for path in records.damaged():
        log.line(f"{path} is damaged: that job is left out")
    print(json.dumps([_content(record) for record in found], indent=2) if options.json else _text(found))
    return 0


def _text(found: list[Record]) -> str:
    from smc_core.cli.table import table
    from smc_core.local import colours
    from smc_core.local.folder import JOBS

    if not found:
        return f"no jobs in {os.path.abspath(JOBS)}; smc run train.py creates one"
    rows = [["job", "outcome", "started", "took", "first line of the failure"]]
    head, *lines = table([*rows, *map(_row, found)])
    paint = colours.painter(sys.stdout)
    shown = [_painted(line, record, paint) for line, record in zip(lines, found, strict=True)]
    return "\n".join([paint(head, "bold"), *shown])


def _painted(line: str, record: Record, paint: Paint) -> str:
    from smc_core.local.colours import STYLES

    status = _status(record)
    start = line.index(status, len(_cell(record.name)))
    return line[:start] + paint(status, STYLES.get(status, "none")) + line[start + len(status) :]


def _status(record: Record) -> str:
    """The status in the record, which another version of smc, or a person, may have written."""
    return _cell(str(record.status))


def _cell(text: str) -> str:
    from smc_core import printable

    return printable.in_a_line(text, _LONGEST_CELL)


def _row(record: Record) -> list[str]:
    from smc_core.process.outcome.headline import duration

    seconds = _seconds(record)
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
    took = "-" if seconds is None else duration(seconds)
    return [_cell(record.name), _status(record), started, took, _cell(record.cause) or "-"]


def _seconds(record: Record) -> float | None:
    """How long it took; None if that is unknown."""
    from smc_core.local.record import LOST

    return None if record.status == LOST else record.seconds


def _content(record: Record) -> dict[str, object]:
    seconds = _seconds(record)
    return {
        "name": record.name,
        "status": record.status,
        "exit_code": record.exit_code,
        "started": record.started,
        "ended": record.ended,
        "seconds": None if seconds is None else round(seconds, 3),
        "failure": record.cause or None,
        "folder": record.folder,
        "hosts": record.hosts or record.site.get("hosts", []),
    }
