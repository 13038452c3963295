"""What really happened behind the exception that a process ended with.

An exception may only carry another one: that of a worker process, whose traceback it holds as text, or the one that was
being handled when ``sys.exit`` was called. And ``sys.exit(2)`` of an argument parser says nothing, but the parser
knows what it refused.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from smc_core.process.report import traceback_text
from smc_core.process.report.exception_text import message, place_text, type_name
from smc_core.process.report.frames import Place, is_file, own_place
from smc_core.process.report.schema import REFUSED

_OF_CHILDREN = frozenset(
    {
        "BrokenProcessPool",
        "CalledProcessError",
        "ProcessExecutionError",
        "ProcessExitedException",
        "TerminatedWorkerError",
        "UnexpectedExit",
    }
)
"""Classes that only say that a program or a process failed: the reason is what that printed to stderr."""
_LONGEST_STDERR = 4096


class Origin(NamedTuple):
    """An exception as it is to be reported.

    Attributes:
        error: the exception: the one that the process ended with, or the one that was being handled then.
        type: its class, as a traceback prints it.
        message: its text.
        place: the user's last frame.
        surfaced: as what it surfaced in this process, on one line; empty where it is the exception itself.
        exit_call: ``sys.exit(2)``, where the process ended with such a call.
        child_stderr: the end of the stderr of the program that failed; empty where that went to this process's stderr;
            None where no program failed.

    """

    error: BaseException
    type: str
    message: str
    place: Place | None
    surfaced: str = ""
    exit_call: str = ""
    child_stderr: str | None = None


def origin(error: BaseException, code_dir: str, *, else_anywhere: bool = True) -> Origin:
    """What to report of an exception.

    Args:
        error: the exception that the process ended with.
        code_dir: the job's code directory.
        else_anywhere: whether to fall back to a frame that is not the user's for the place.

    """
    if not isinstance(error, SystemExit):
        return _carried(error, code_dir) or _itself(error, code_dir, else_anywhere=else_anywhere)
    if not isinstance(error.code, int) or isinstance(error.code, bool):
        return _itself(error, code_dir, else_anywhere=else_anywhere)
    exit_call = f"sys.exit({error.code})"
    place = own_place(error, code_dir)
    refused = _refused(error)
    if refused is not None:
        return Origin(error, REFUSED, refused, place, exit_call=exit_call)
    # ``raise SystemExit(2) from None`` hides what was being handled, as in a traceback.
    handled = None if error.__suppress_context__ else error.__context__
    if isinstance(handled, Exception):
        found = origin(handled, code_dir)
        surfaced = [found.surfaced, f"{exit_call} ({place_text(place, code_dir)})"]
        return found._replace(exit_call=exit_call, surfaced=", then as ".join(filter(None, surfaced)))
    return Origin(error, "SystemExit", str(error.code), place, exit_call=exit_call, child_stderr="")


def carries(error: BaseException) -> bool:
    """Whether an exception is only a container for the traceback text of another process (a ``__cause__``)."""
    # By name: multiprocessing.pool has RemoteTraceback, concurrent.futures.process has _RemoteTraceback.
    return type(error).__name__.lstrip("_") == "RemoteTraceback"


def _itself(error: BaseException, code_dir: str, *, else_anywhere: bool) -> Origin:
    place = own_place(error, code_dir, else_anywhere=else_anywhere)
    return Origin(error, type_name(error), message(error), place, child_stderr=_child_stderr(error))


def _carried(error: BaseException, code_dir: str) -> Origin | None:
    """The exception of another process, where this exception holds its traceback."""
    cause = error.__cause__
    in_cause = cause is not None and carries(cause)
    text = message(cause) if cause is not None and in_cause else message(error)
    found = traceback_text.read(text, code_dir)
    if found is None:
        return None
    surfaced = type_name(error)
    if not in_cause and found.before:
        surfaced += f": {found.before}"
    here = own_place(error, code_dir)
    if here is not None and not is_file(found.place.file):  # the code came by cloudpickle, for example
        raised = f"{surfaced}; raised in another process, {place_text(found.place, code_dir)}"
        return Origin(error, found.type, found.message, here, surfaced=raised)
    if where := place_text(here, code_dir):
        surfaced += f" ({where})"
    return Origin(error, found.type, found.message, found.place, surfaced=surfaced)


def _refused(error: BaseException) -> str | None:
    """What ``argparse`` refused: the message that its ``error`` method was called with; None if it was not called.

    The exception itself does not have it: ``error`` prints the message, and calls ``sys.exit(2)``.
    """
    parser = sys.modules.get("argparse")
    trace = error.__traceback__
    while parser is not None and trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "error" and code.co_filename == parser.__file__:
            text = trace.tb_frame.f_locals.get("message")
            return text if isinstance(text, str) else None
        trace = trace.tb_next
    return None


def _child_stderr(error: BaseException) -> str | None:
    """The stderr of a program that failed, if the exception holds it; None where no program failed."""
    of_a_child = _is_of_a_child(error)
    said = getattr(error, "stderr", None)
    if not said and of_a_child and not _has_inherited_stderr(error):
        said = getattr(error, "output", None)
    if isinstance(said, bytes):
        said = said.decode("utf-8", "backslashreplace")
    if isinstance(said, str) and said.strip():
        return said[-_LONGEST_STDERR:]
    return "" if of_a_child else None


def _has_inherited_stderr(error: BaseException) -> bool:
    """Whether ``subprocess.run`` let the program write to this process's stderr: then ``output`` is only its stdout."""
    module = sys.modules.get("subprocess")
    trace = error.__traceback__
    while module is not None and trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name == "run" and frame.f_code.co_filename == module.__file__:
            given = frame.f_locals.get("kwargs")  # arguments for Popen; capture_output sets stderr there too
            return isinstance(given, dict) and given.get("stderr") is None
        trace = trace.tb_next
    return False


def _is_of_a_child(error: BaseException) -> bool:
    return any(base.__name__ in _OF_CHILDREN for base in type(error).__mro__)
