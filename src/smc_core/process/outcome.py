"""From what is known of a job's end to the text of ``output/failure``.

Pure functions: the supervisor gathers the facts (``ending.py``), these tell them. Nothing is inferred by searching
logs for words. What is told, in this order:

1. a stop, where the job ended because it was asked to;
2. the earliest report of a Python process: the exception that came first is the cause;
3. the signal that killed the script, with what the kernel and Python's fault handler know of it;
4. the exit code, with the last lines of stderr.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import NamedTuple

from smc_core.errors import EXIT_SIGNAL_BASE
from smc_core.process.diagnosis import size_text
from smc_core.process.ending import Ending, Stop, exit_code
from smc_core.process.report_reader import Report
from smc_core.process.signals import name as signal_name
from smc_core.process.stderr_tail import fault_place, last_lines, tail_text

FIRST_LINE = 200
"""Characters of the first line, the cause in plain words."""
SHOWN = 1024
"""Characters that SageMaker shows of a failure file (``FailureReason`` in its API reference)."""
_LEAST_MESSAGE = 300
_LAST_LINES = 20
_LAST_LINE = 400
_MAX_OTHERS = 8

_SIGNAL_WORDS: dict[int, str] = {
    signal.SIGABRT: "aborted, as C and C++ code does on a failed check",
    signal.SIGBUS: "bus error: memory or a mapped file that is not there",
    signal.SIGFPE: "arithmetic error",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGKILL: "killed from outside",
    signal.SIGPIPE: "wrote to a pipe that nobody reads",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGSYS: "a system call that is not allowed",
    signal.SIGXCPU: "limit of processor time",
    signal.SIGXFSZ: "limit of file size",
}
_REPORT_A_FAULT = "This is a fault of smc, not of your code: please report it, with this text and `smc plugins`."


class _Story(NamedTuple):
    """A failure, told: the first line, the message where the first line has no room for it, facts, the long rest."""

    first: str
    message: str
    facts: list[str]
    rest: list[str]


def failure_text(ending: Ending, mask: Callable[[str], str] = str) -> str:
    """The text of the failure file.

    Args:
        ending: what is known.
        mask: hides secrets.

    """
    ending = ending._replace(reports=[_masked(report, mask) for report in ending.reports])
    tail = mask(tail_text(ending.tail))
    cause = _cause(ending)
    stop = _stop(ending)
    if stop is not None and (cause is None or cause.time >= stop.at):
        story = _tell_stop(ending, stop, cause)
    elif cause is not None:
        story = _tell_report(ending, cause, tail)
    elif ending.status < 0:
        story = _tell_signal(ending, tail)
    else:
        story = _tell_exit(ending, tail)
    return _printable(_put_together(story))


def first_line(text: str) -> str:
    """The first line of a failure text."""
    return text.partition("\n")[0]


def log_line(ending: Ending, text: str) -> str:
    """What the log says at the end of a failed job: the exit code, and the cause unless the log has it already."""
    cause = _cause(ending)
    told = cause is not None and cause.expected and not text.startswith("Stopped")
    code = exit_code(ending.status)
    return f"exit code {code}" if told else f"exit code {code}: {first_line(text)}"


def one_line(text: str, limit: int) -> str:
    """A text on one line, cut to a number of characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: max(limit - 1, 0)]}…"


def _masked(report: Report, mask: Callable[[str], str]) -> Report:
    return report._replace(
        message=mask(report.message), traceback=mask(report.traceback), notes=[mask(note) for note in report.notes]
    )


def _cause(ending: Ending) -> Report | None:
    """The earliest report that counts.

    A process that the script has forked, and that failed before a stop, was the script's own affair: the script went
    on. It counts only where nothing else explains the end.
    """
    for report in ending.reports:
        of_the_job = report.pid == ending.pid or report.rank is not None
        if of_the_job or ending.stop is None or report.time >= ending.stop.at:
            return report
    return None


def _stop(ending: Ending) -> Stop | None:
    """The stop, if the job ended because of one."""
    stop = ending.stop
    if stop is not None and stop.number == signal.SIGTERM:
        return stop
    number = 0
    if ending.status < 0 and (ending.status == -signal.SIGINT or (stop and stop.number == -ending.status)):
        number = -ending.status
    elif stop and exit_code(-stop.number) == ending.status:
        number = stop.number
    if not number:
        return None
    return stop or Stop(number, 0.0, 0.0, ending.note is not None, "", 0.0)


def _tell_stop(ending: Ending, stop: Stop, report: Report | None) -> _Story:
    asked = f"Stopped by {signal_name(stop.number)}"
    if ending.waiting:
        asked = f"{asked} while waiting for {ending.waiting}"
    facts = ["A stop is not a fault of the script."]
    if not stop.begun:
        return _Story(f"{asked} before the user's code began", "", facts, [])
    if stop.killed == "again":
        first = f"{asked}, and killed by a second one {stop.lasted:.1f} s later"
    elif stop.killed == "grace":
        first = f"{asked}: the script did not end within {stop.grace:g} s (SMC_STOP_GRACE) and was killed"
    elif ending.status == -stop.number:
        first = f"{asked}, which the script does not handle" if stop.number == signal.SIGTERM else asked
    else:
        how = "was" if ending.status < 0 else "ended with"
        first = f"{asked}: {stop.lasted:.1f} s later the script {how} {_how(ending.status)}"
    if report is None or report.type == "KeyboardInterrupt":
        return _Story(first, "", facts, [])
    facts.append(f"While stopping: {_headline(report, FIRST_LINE)}")
    return _Story(first, "", facts + _circumstances(ending), [report.traceback])


def _tell_report(ending: Ending, report: Report, tail: str) -> _Story:
    sentence, _, further = report.message.partition("\n")
    if report.expected and further:  # smc's own words: the first line is a sentence, the others explain it
        report = report._replace(message=sentence)
    else:
        further = ""
    first = _headline(report, FIRST_LINE)
    facts = [_whereabouts(ending, report), *report.notes, *_circumstances(ending), *_others(ending, report)]
    if report.kind == "smc":
        first = one_line(f"smc itself failed: {_headline(report, FIRST_LINE - 19)}", FIRST_LINE)
        facts.append(_REPORT_A_FAULT)
    said = one_line(report.message, len(report.message)) in first and "\n" not in report.message
    named = _class_name(report) in first or first.startswith("sys.exit(")
    message = "" if said and named else f"{_class_name(report)}: {report.message}"
    message = "\n".join(filter(None, (message, further)))
    rest = [report.traceback]
    if report.type == "SystemExit":
        rest.append(_last_lines(tail))
    return _Story(first, message, facts, rest)


def _tell_signal(ending: Ending, tail: str) -> _Story:
    number = -ending.status
    words = _SIGNAL_WORDS.get(number)
    first = f"Killed by {signal_name(number)}" + (f" ({words})" if words else "")
    facts = _circumstances(ending)
    if number == signal.SIGKILL:
        if ending.oom_kills:
            first, facts = _out_of_memory(ending, "the script"), facts[1:]
        else:
            first = "Killed by SIGKILL from outside; perhaps the machine ran out of memory"
            facts.append(_memory_text(ending) or "The kernel tells nothing of this container's memory.")
    if place := fault_place(tail, ending.code_dir):
        first = f"{first} ({place})"
    if ending.note is None:
        first = f"{first}, before the user's code began"
    return _Story(first, "", facts, [_last_lines(tail)])


def _tell_exit(ending: Ending, tail: str) -> _Story:
    facts = _circumstances(ending)
    if ending.oom_kills:
        first, facts = f"{_out_of_memory(ending, 'a process of the job')}; exit code {ending.status}", facts[1:]
        return _Story(first, "", facts, [_last_lines(tail)])
    first = f"Exit code {ending.status}"
    number = ending.status - EXIT_SIGNAL_BASE
    if ending.note is not None and ending.note.kind != "python" and number in signal.valid_signals():
        first = f"{first}: a command was killed by {signal_name(number)}"
        if place := fault_place(tail, ending.code_dir):
            first = f"{first} ({place})"
    said = [line for line in last_lines(tail, _LAST_LINES) if any(map(str.isalnum, line))][-1:]  # no row of dashes
    first = f"{first}; last line on stderr: {said[0]}" if said else f"{first}, and nothing on stderr"
    if ending.note is None:
        facts.insert(0, "The user's code had not begun.")
    return _Story(first, "", facts, [_last_lines(tail)])


def _headline(report: Report, limit: int) -> str:
    """Class, message and place on one line; the message is cut so that the others fit."""
    place = f" ({one_line(report.place, limit // 2)})" if report.place else ""
    kind = _class_name(report)
    if report.type == "SystemExit" and report.message.lstrip("-").isdecimal():
        return f"sys.exit({report.message}) was called{place}"
    if len(kind) > limit // 2:
        kind = one_line(kind.rpartition(".")[2], limit // 2 - 1)
    message = one_line(report.message, limit - len(kind) - len(place) - 2)
    return f"{kind}: {message}{place}" if message else f"{kind}{place}"


def _class_name(report: Report) -> str:
    return report.type.removeprefix("smc_core.errors.")


def _whereabouts(ending: Ending, report: Report) -> str:
    parts = [f"Phase: {report.phase}"]
    if report.rank is not None:
        parts.append(f"rank {report.rank}")
    if ending.note is not None and ending.note.hosts > 1:
        parts.append(f"host {report.host}")
    return f"{'; '.join(parts)}; {_how(ending.status)}."


def _how(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"killed by {signal_name(-status)}"


def _circumstances(ending: Ending) -> list[str]:
    """What the kernel knows; out of memory comes first."""
    killed = [_out_of_memory(ending, "a process of the job") + "."] if ending.oom_kills else []
    return [*killed, *ending.disks]


def _out_of_memory(ending: Ending, who: str) -> str:
    facts = [part for part in (_memory_text(ending), _times(ending.oom_kills)) if part]
    return f"Out of memory: the kernel killed {who}" + (f" ({'; '.join(facts)})" if facts else "")


def _times(count: int) -> str:
    return f"{count} processes" if count > 1 else ""


def _memory_text(ending: Ending) -> str:
    limit = f"limit {size_text(ending.memory_limit)}" if ending.memory_limit is not None else "no limit"
    return f"{limit}, peak {size_text(ending.memory_peak)}" if ending.memory_peak is not None else ""


def _others(ending: Ending, cause: Report) -> list[str]:
    """The ranks that failed after the cause, one line each."""
    others = [report for report in ending.reports if report.rank is not None and report.rank != cause.rank]
    lines = [f"Later, rank {report.rank}: {_headline(report, FIRST_LINE // 2)}" for report in others[:_MAX_OTHERS]]
    if len(others) > _MAX_OTHERS:
        lines.append("… and more ranks")
    return lines


def _last_lines(tail: str) -> str:
    lines = last_lines(tail, _LAST_LINES)
    return "\n".join(["Last lines on stderr:", *(line[:_LAST_LINE] for line in lines)]) if lines else ""


def _put_together(story: _Story) -> str:
    first = one_line(story.first, FIRST_LINE)
    facts = "\n".join(fact for fact in story.facts if fact)
    parts = [first]
    if story.message:
        room = max(SHOWN - len(first) - len(facts) - 4, _LEAST_MESSAGE)
        parts.append(story.message if len(story.message) <= room else f"{story.message[: room - 1]}…")
    parts.append(facts)
    head = "\n".join(part for part in parts if part)
    return "\n\n".join([head, *(part.rstrip("\n") for part in story.rest if part)]) + "\n"


def _printable(text: str) -> str:
    """Control characters, which a log viewer would obey, as Python writes them."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
