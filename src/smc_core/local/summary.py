"""The summary at the end of a local job: how it ended, and where everything is."""

from __future__ import annotations

import os
import sys

from smc_core import printable
from smc_core.local import colours
from smc_core.local.record import COMPLETED, Record
from smc_core.process import log
from smc_core.process.diagnosis import size_text
from smc_core.process.outcome.headline import duration


def print_summary(record: Record, shared: str | None = None) -> None:
    """Print how a job ended, to stderr.

    Args:
        record: the job.
        shared: the folder of a platform's job, in whose log one line is enough: nobody types the next command there.

    """
    if shared is not None:
        log.line(f"job {printable.in_a_line(record.name)}: {record.status} after {duration(record.seconds)}; {shared}")
        return
    for line in lines(record, colours.painter(sys.stderr)):
        log.styled(line)


def lines(record: Record, paint: colours.Paint) -> list[str]:
    """How a job ended, and where its model, output, checkpoints, failure and log are."""
    code = "" if record.exit_code in (0, None) else f" with exit code {record.exit_code}"
    paths = record.paths
    places = [
        ("model", f"{_shown(paths.model)}  ({_content(paths.model)})"),
        ("output", f"{_shown(paths.output_data)}  ({_content(paths.output_data)})"),
    ]
    if _count(paths.checkpoints)[0]:
        places.append(("checkpoints", f"{_shown(paths.checkpoints)}  ({_content(paths.checkpoints)})"))
    if os.path.exists(paths.failure):
        places.append(("failure", _shown(paths.failure)))
    if record.hosts:
        places.append(("hosts", f"{_shown(record.folder)}/{{{','.join(record.hosts)}}}"))
    places.append(("log", f"{_shown(record.log_path)}  (smc logs {record.name})"))
    status = paint(f"{record.status}{code}", colours.STYLES[record.status])
    summary = [f"job {printable.in_a_line(record.name)}: {status} after {duration(record.seconds)}"]
    summary += [f"  {paint(f'{name:<12}', 'dim')}{printable.in_a_line(text)}" for name, text in places]
    if record.status != COMPLETED and _count(paths.checkpoints)[0]:
        summary.append(f"  resume from its checkpoints: smc run --resume {record.name}")
    return summary


def _content(folder: str) -> str:
    count, size = _count(folder)
    return f"{count} file{'s' if count > 1 else ''}, {size_text(size)}" if count else "empty"


def _count(folder: str) -> tuple[int, int]:
    """Number and bytes of the files below a folder."""
    count = size = 0
    for place, _, names in os.walk(os.path.realpath(folder)):
        for name in names:
            count += 1
            size += os.lstat(os.path.join(place, name)).st_size
    return count, size


def _shown(path: str) -> str:
    """A path as it is shown: relative to the working directory, if it is inside."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
