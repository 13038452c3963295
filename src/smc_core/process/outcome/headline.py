"""A report or an exit status in one line."""

from __future__ import annotations

from smc_core import printable
from smc_core.errors import SmcError
from smc_core.process.report.reader import Report
from smc_core.process.report.schema import REFUSED
from smc_core.process.signals import name as signal_name

SHOWN = 1024
"""Characters that SageMaker shows of a failure file (``FailureReason`` in its API reference)."""
FIRST_LINE = 200
"""Characters of the first line, the cause in plain words."""


def one_line(text: str, limit: int) -> str:
    """A text on one line, cut to ``limit`` characters."""
    return printable.cut(" ".join(text.split()), limit)


def headline(report: Report, limit: int = FIRST_LINE) -> str:
    """Class, message and place on one line; the message is cut so that class and place fit."""
    place = one_line(report.place, limit // 2)
    if report.type == "SystemExit" and report.exit_call:
        return f"{report.exit_call} was called" + (f" ({place})" if place else "")
    if report.type == REFUSED:
        where, after = f"{report.exit_call}, {place}" if place else report.exit_call, ""
    else:
        where, after = place, f", then {report.exit_call}" if report.exit_call else ""
    kind = class_name(report)
    end = (f" ({where})" if where else "") + one_line(after, limit // 4)
    if len(kind) > limit // 2:
        kind = one_line(kind.rpartition(".")[2], limit // 2 - 1)
    message = one_line(report.message, limit - len(kind) - len(end) - 2)
    return f"{kind}: {message}{end}" if message else f"{kind}{end}"


def duration(seconds: float) -> str:
    """A time as people say it: ``12.3 s``, ``4 min 5 s``, ``2 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def refusal(error: SmcError) -> tuple[str, str]:
    """The first line of the failure file of a job that could not begin, and the whole file."""
    whole = f"{type(error).__name__}: {error}"
    first = one_line(f"{type(error).__name__}: {error.sentence}", FIRST_LINE)
    rest = "" if whole == first else f"{whole[:SHOWN]}\n"
    return printable.in_a_line(first), printable.in_lines(f"{first}\n{rest}")


def class_name(report: Report) -> str:
    """The exception's class; smc's own without the module."""
    return report.type.removeprefix("smc_core.errors.")


def how(status: int) -> str:
    """``exit code 3`` or ``killed by SIGTERM``."""
    return f"exit code {status}" if status >= 0 else f"killed by {signal_name(-status)}"
