"""Explains each kind of ending: a stop, an exception, a signal, an exit code.

Pure functions from facts to words. A suspicion is mentioned only where no figure contradicts it.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import signal
from typing import NamedTuple

from smc_core.errors import EXIT_SIGNAL_BASE
from smc_core.process.diagnosis import size_text
from smc_core.process.outcome.ending import Ending, Stop
from smc_core.process.outcome.headline import FIRST_LINE, class_name, headline, how, one_line
from smc_core.process.outcome.stderr_tail import fault_place, last_fault, last_lines, shown_path, without_traceback
from smc_core.process.report import traceback_text
from smc_core.process.report.reader import Report
from smc_core.process.signals import name as signal_name

_LAST_LINES = 20
_LAST_LINE = 400
_MAX_OTHERS = 8
_LARGE = 0.5
"""Fraction of the available memory above which a killed process may have been too large for it."""

_AT_LIMIT, _TICKS = 0.95, 0.25
"""Tolerance as a fraction, and in seconds: the kernel enforces the limit in ticks, and reports a finer figure."""

_SIGNAL_WORDS: dict[int, str] = {
    signal.SIGABRT: "aborted, as C and C++ code does on a failed check",
    signal.SIGBUS: "bus error: memory or a mapped file that is not there",
    signal.SIGFPE: "arithmetic error",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGPIPE: "wrote to a pipe that nobody reads",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGSYS: "a system call that is not allowed",
    signal.SIGXCPU: "limit of processor time",
    signal.SIGXFSZ: "limit of file size",
}
_FRAME = " │┃"
"""Characters around a message that is shown in a box."""
_REPORT_A_BUG = "This is a bug in smc, not in your code: please report it, with this text and that of `smc plugins`."


class Explanation(NamedTuple):
    """Why a job failed: the first line, the message where it does not fit into that, facts, and the long rest."""

    first: str
    message: str
    facts: list[str]
    rest: list[str]


def of_stop(ending: Ending, stop: Stop, report: Report | None) -> Explanation:
    """The job was asked to stop, and did."""
    asked = f"Stopped by {signal_name(stop.number)}"
    if ending.waiting:
        asked = f"{asked} while waiting for {ending.waiting}"
    facts = ["A stop is not a fault of the script."]
    if not stop.begun:
        return Explanation(f"{asked} before the user's code began", "", facts, [])
    if stop.killed == "again":
        first = f"{asked}, and killed by a second one {stop.lasted:.1f} s later"
    elif stop.killed == "grace":
        first = f"{asked}: the script did not stop within {stop.grace:g} s (SMC_STOP_GRACE) and was killed"
    elif ending.status == -stop.number:
        first = f"{asked}, which the script does not handle" if stop.number == signal.SIGTERM else asked
    else:
        verb = "was" if ending.status < 0 else "ended with"
        first = f"{asked}: {stop.lasted:.1f} s later the script {verb} {how(ending.status)}"
    if report is None or report.type == "KeyboardInterrupt":
        return Explanation(first, "", facts, [])
    facts.append(f"While stopping: {headline(report)}")
    return Explanation(first, "", facts + _circumstances(ending), [report.traceback])


def of_report(ending: Ending, report: Report, tail: str) -> Explanation:
    """A Python process reported why it failed."""
    tail = without_traceback(tail, report.traceback)
    first = headline(report)
    facts = [_whereabouts(ending, report), *report.notes, *_circumstances(ending), *_others(ending, report)]
    if report.kind == "smc":
        first = one_line(f"smc itself failed: {headline(report, FIRST_LINE - 19)}", FIRST_LINE)
        facts.append(_REPORT_A_BUG)
    rest = [report.traceback]
    if report.child_stderr is not None:
        lines = report.child_stderr or tail
        if report.child_stderr or report.rank is None:  # several ranks share one stderr: the last line may be another's
            first, facts = _with_last_words(ending, report, first, facts, lines)
        rest.append(_last_lines(lines))
    elif report.exit_call:
        rest.append(_last_lines(tail))
    said = one_line(report.message, len(report.message)) in first and "\n" not in report.message
    named = class_name(report) in first or report.type == "SystemExit"
    message = "" if said and named else f"{class_name(report)}: {report.message}"
    return Explanation(first, "\n".join(filter(None, (message, report.explanation, report.details))), facts, rest)


def of_signal(ending: Ending, tail: str) -> Explanation:
    """A signal killed the first process."""
    number = -ending.status
    words = _SIGNAL_WORDS.get(number)
    first = f"Killed by {signal_name(number)}" + (f" ({words})" if words else "")
    facts = _circumstances(ending)
    if number == signal.SIGKILL:
        first, facts = _killed(ending, facts)
    elif number == signal.SIGXCPU and ending.cpu_limit is not None:
        first = f"{first[:-1]}: {ending.cpu_limit} s)"
    if place := fault_place(tail, _code_dir(ending)):
        first = f"{first} ({place})"
    if ending.note is None:
        first = f"{first}, before the user's code began"
    return Explanation(first, "", facts, [_last_lines(tail)])


def of_exit(ending: Ending, tail: str) -> Explanation:
    """The first process exited with a code, and no process reported why."""
    facts = _circumstances(ending)
    if ending.oom_kills:
        first, facts = f"{_out_of_memory(ending, 'a process of the job')}; exit code {ending.status}", facts[1:]
        return Explanation(first, "", facts, [_last_lines(tail)])
    first = f"Exit code {ending.status}"
    number = ending.status - EXIT_SIGNAL_BASE
    if ending.note is not None and ending.note.signals == "group" and number in signal.valid_signals():
        first = f"{first}: a command was killed by {signal_name(number)}"
        if place := fault_place(tail, _code_dir(ending)):
            first = f"{first} ({place})"
    said = _last_words(ending, tail)
    first = f"{first}; last line on stderr: {said}" if said else f"{first}, and nothing on stderr"
    if ending.note is None:
        facts.insert(0, "The user's code had not begun.")
    return Explanation(first, "", facts, [_last_lines(tail)])


def _with_last_words(ending: Ending, report: Report, first: str, facts: list[str], said: str) -> tuple[str, list[str]]:
    """First line and facts for an exception that only says that something else failed."""
    words = _last_words(ending, said)
    if words is None:
        return first, facts
    if words.place:
        return f"{words}, then {headline(report, FIRST_LINE - len(str(words)) - 7)}", facts
    if report.type == "SystemExit":
        return f"{first}; last line on stderr: {words}", facts
    facts.insert(0, f"Last line on stderr before it: {one_line(words.line, _LAST_LINE)}")
    return first, facts


class _Words(NamedTuple):
    """The last line of an output, and its place where that line is the end of a traceback."""

    line: str
    place: str

    def __str__(self) -> str:
        return f"{one_line(self.line, FIRST_LINE // 2)} ({self.place})" if self.place else self.line


def _last_words(ending: Ending, said: str) -> _Words | None:
    if fault := last_fault(said):
        return _Words(fault, fault_place(said, _code_dir(ending)))
    spoken = [line.strip(_FRAME) for line in last_lines(said, _LAST_LINES) if any(map(str.isalnum, line))]  # no dashes
    lines = [line for line in spoken if not _is_pointer(line)][-1:] or spoken[-1:]
    found = traceback_text.read(said, _code_dir(ending))
    if not lines:
        return None
    if found is None or not found.is_last:
        return _Words(lines[0], "")
    where = f"{shown_path(found.place.file, _code_dir(ending))}:{found.place.line}"
    return _Words(lines[0], f"{where}, in {found.place.function}" if found.place.function else where)


def _is_pointer(line: str) -> bool:
    """Whether a line only says how to get help, as the last line of an argument parser's error often does."""
    return "--help" in line and line.startswith(("Pass ", "Run ", "See ", "Try ", "Use "))


def _killed(ending: Ending, facts: list[str]) -> tuple[str, list[str]]:
    """SIGKILL: by the kernel for lack of memory, at a limit, or by an unknown sender."""
    if ending.oom_kills:
        return _out_of_memory(ending, "the script"), facts[1:]
    if ending.cpu_limit is not None and ending.cpu_seconds >= _AT_LIMIT * ending.cpu_limit - _TICKS:
        return f"Killed by SIGKILL at the limit of processor time ({ending.cpu_limit} s, as ulimit -t says)", facts
    largest = f"The script was not larger than {size_text(ending.peak_rss)}" if ending.peak_rss else ""
    memory = "; ".join(part for part in (largest, _memory_text(ending)) if part)
    facts = [*facts, f"{memory}."] if memory else facts
    if _may_be_out_of_memory(ending):
        return "Killed by SIGKILL; perhaps the machine ran out of memory", facts
    return "Killed by SIGKILL; the sender is unknown", facts


def _may_be_out_of_memory(ending: Ending) -> bool:
    """Whether neither a kernel counter that has not moved nor a small script contradicts it."""
    if ending.oom_is_counted or ending.machine_kills == 0:
        return False
    if ending.machine_kills:
        return True
    room = ending.memory_limit or ending.machine_memory
    return bool(room and ending.peak_rss > _LARGE * room)


def _whereabouts(ending: Ending, report: Report) -> str:
    parts = [f"Phase: {report.phase}"]
    if report.rank is not None:
        parts.append(f"rank {report.rank}")
    if ending.note is not None and ending.note.hosts > 1:
        parts.append(f"host {report.host}")
    return f"{'; '.join(parts)}; {how(ending.status)}."


def _circumstances(ending: Ending) -> list[str]:
    """What the kernel knows; out of memory comes first: callers replace that line by the first line of the file."""
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
    lines = [f"Later, rank {report.rank}: {headline(report, FIRST_LINE // 2)}" for report in others[:_MAX_OTHERS]]
    if len(others) > _MAX_OTHERS:
        lines.append("… and more ranks")
    return lines


def _last_lines(tail: str) -> str:
    lines = last_lines(tail, _LAST_LINES)
    return "\n".join(["Last lines on stderr:", *(line[:_LAST_LINE] for line in lines)]) if lines else ""


def _code_dir(ending: Ending) -> str:
    return (ending.note.code_dir if ending.note is not None else "") or ending.code_dir
