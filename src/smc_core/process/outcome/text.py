"""From what is known of a job's end to its outcome: the text of ``output/failure``, and the same as data.

Pure functions: the supervisor gathers the facts (``ending.py``), ``explanations.py`` puts them into words. Nothing is
inferred by searching logs for words. The first of these that applies is reported:

1. a stop, where the job ended because it was asked to;
2. the earliest report of a Python process: the exception that came first is the cause;
3. the signal that killed the script, with what the kernel and Python's fault handler know of it;
4. the exit code, with the last lines of stderr.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import signal
from collections.abc import Callable
from typing import NamedTuple

from smc_core import printable
from smc_core.errors import EXIT_PLUGIN
from smc_core.process.outcome import explanations
from smc_core.process.outcome.ending import COMPLETED, FAILED, STOPPED, Ending, Stop, exit_code
from smc_core.process.outcome.explanations import Explanation
from smc_core.process.outcome.headline import FIRST_LINE, SHOWN, how, one_line
from smc_core.process.outcome.stderr_tail import tail_text
from smc_core.process.report.reader import Report

_LEAST_MESSAGE = 300


class Outcome(NamedTuple):
    """How a job ended.

    Attributes:
        exit_code: the job's.
        status: completed, failed or stopped.
        first_line: the cause; empty where the job completed.
        text: the failure file; empty where there is none.
        log: what the log says of it.
        failed_at: when it failed, on this machine's monotonic clock.
        blames: the other host whose failure stopped this one; empty where none did.
        head: the beginning of the failure file: the cause and the facts, without tracebacks and logs.

    """

    exit_code: int
    status: str
    first_line: str = ""
    text: str = ""
    log: str = ""
    failed_at: float = 0.0
    blames: str = ""
    head: str = ""


_NEVER_BEGAN = (
    "PluginError: os._exit(0), in a plugin or in what it imports, ended the preparation of the job before the "
    "user's code began; smc plugins lists the plugins"
)
NEVER_BEGAN = Outcome(
    EXIT_PLUGIN, FAILED, _NEVER_BEGAN, f"{_NEVER_BEGAN}\n", f"exit code {EXIT_PLUGIN}: {_NEVER_BEGAN}"
)
"""For a job whose first process exited with 0 without ever reaching the user's code."""


def outcome(ending: Ending, mask: Callable[[str], str] = str) -> Outcome:
    """The outcome of a job.

    Args:
        ending: what is known.
        mask: hides secrets.

    """
    code = exit_code(ending.status)
    if code == 0 and not (ending.stop and ending.stop.is_final):
        return Outcome(code, COMPLETED)
    ending = ending._replace(reports=[_masked(report, mask) for report in ending.reports])
    cause = _cause(ending)
    stop = _stop(ending)
    if stop is not None and cause is not None and cause.monotonic < stop.at:
        stop = None
    explanation = _explanation(ending, cause, stop, mask(tail_text(ending.tail)))
    first_line = printable.in_lines(one_line(explanation.first, FIRST_LINE))
    head = printable.in_lines(_head(explanation, first_line))
    rest = [printable.in_lines(part.rstrip("\n")) for part in explanation.rest if part]
    return Outcome(
        exit_code=code,
        status=FAILED if stop is None else STOPPED,
        first_line=first_line,
        text="\n\n".join([head, *rest]) + "\n",
        log=_log_line(ending, first_line, cause if stop is None else None),
        failed_at=ending.ended if cause is None else cause.monotonic,
        blames=cause.host if cause is not None and cause.phase == "hosts" else "",
        head=head,
    )


def failure_text(ending: Ending, mask: Callable[[str], str] = str) -> str:
    """The text of the failure file of a job that failed."""
    return outcome(ending, mask).text


def _explanation(ending: Ending, cause: Report | None, stop: Stop | None, tail: str) -> Explanation:
    if stop is not None:
        return explanations.of_stop(ending, stop, cause)
    if cause is not None:
        return explanations.of_report(ending, cause, tail)
    return explanations.of_signal(ending, tail) if ending.status < 0 else explanations.of_exit(ending, tail)


def _log_line(ending: Ending, first_line: str, cause: Report | None) -> str:
    """The log's closing line: the exit code, and the cause unless the log already has it."""
    code = exit_code(ending.status)
    if cause is None:
        return f"exit code {code}: {first_line}"
    if ending.status < 0 and cause.exit_code != code:  # it had failed already when the signal came
        return f"exit code {code}, {how(ending.status)} after: {first_line}"
    return f"exit code {code}" if cause.expected else f"exit code {code}: {first_line}"


def _masked(report: Report, mask: Callable[[str], str]) -> Report:
    return report._replace(
        message=mask(report.message),
        explanation=mask(report.explanation),
        details=mask(report.details),
        traceback=mask(report.traceback),
        notes=[mask(note) for note in report.notes],
        child_stderr=None if report.child_stderr is None else mask(report.child_stderr),
    )


def _cause(ending: Ending) -> Report | None:
    """The earliest report that counts.

    A process that the script forked and that failed before a stop is the script's own affair, for the script went on.
    Such a report counts only where no stop explains the end.
    """
    for report in ending.reports:
        of_the_job = report.pid == ending.pid or report.rank is not None
        if of_the_job or ending.stop is None or report.monotonic >= ending.stop.at:
            return report
    return None


def _stop(ending: Ending) -> Stop | None:
    """The stop, if the job ended because of one."""
    stop = ending.stop
    if stop is not None and (stop.number == signal.SIGTERM or stop.is_final):
        return stop
    number = 0
    if ending.status < 0 and (ending.status == -signal.SIGINT or (stop and stop.number == -ending.status)):
        number = -ending.status
    elif stop and exit_code(-stop.number) == ending.status:
        number = stop.number
    if not number:
        return None
    if stop is not None and stop.number == number:
        return stop
    return Stop(number, 0.0, 0.0, ending.note is not None, "", 0.0)


def _head(explanation: Explanation, first: str) -> str:
    facts = "\n".join(fact for fact in explanation.facts if fact)
    parts = [first]
    if explanation.message:
        room = max(SHOWN - len(first) - len(facts) - 4, _LEAST_MESSAGE)
        message = explanation.message
        parts.append(message if len(message) <= room else f"{message[: room - 1]}…")
    parts.append(facts)
    return "\n".join(part for part in parts if part)
