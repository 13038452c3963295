"""Which frames of a traceback are the user's own, and the traceback as the user should see it.

The user's code is what is in the job's code directory or runs as ``__main__``. If a traceback has no such frame, it is
whatever does not belong to smc, a plugin, the standard library or an installed package. A frame whose file does not
exist (``<frozen os>``, ``<string>``, ``pandas/_libs/index.pyx`` of a Cython module) is never the user's.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import os
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from traceback import TracebackException

# This file is smc_core/process/report/frames.py: three folders down from the package's own.
_SMC_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT_RUNNERS = tuple(os.path.join(_SMC_DIR, "process", name) for name in ("script.py", "script_runner.py"))
_STDLIB_DIR = os.path.dirname(os.path.abspath(os.__file__))
_PLUGGY = f"{os.sep}pluggy{os.sep}"
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Place(NamedTuple):
    """A place in the user's code.

    Attributes:
        file: absolute path.
        line: line number, from 1.
        function: name of the function; None for an error without a frame, such as a syntax error.

    """

    file: str
    line: int
    function: str | None


def own_place(error: BaseException, code_dir: str, *, else_anywhere: bool = True) -> Place | None:
    """The user's last frame in the traceback of an error; for a syntax error, the place in the file.

    Args:
        error: an exception that was raised.
        code_dir: the job's code directory.
        else_anywhere: whether to fall back to a frame of a library or of smc where none is the user's.

    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno and is_file(error.filename):
        return Place(os.path.abspath(error.filename), error.lineno, None)
    frames = list(_frames(error.__traceback__))
    own = [item for item in frames if _is_own(item[0], code_dir)]
    foreign = [item for item in frames if not is_library(item[0].f_code.co_filename)]
    anywhere = [item for item in frames if not _is_plumbing(item[0].f_code.co_filename)]
    for candidates in (own, foreign, anywhere, frames) if else_anywhere else (own, foreign):
        if candidates:
            frame, line = candidates[-1]
            file = frame.f_code.co_filename
            return Place(os.path.abspath(file) if is_file(file) else file, line, frame.f_code.co_name)
    return None


def own_place_of(places: Sequence[Place], code_dir: str) -> Place | None:
    """The user's last place in a traceback; if there is none, the last outside of libraries, or else the last of all.

    Args:
        places: the frames of the traceback, the nearest to the error last.
        code_dir: the job's code directory.

    """
    prefix = os.path.join(code_dir, "")
    own = [place for place in places if _is_inside(os.path.abspath(place.file), prefix) and is_file(place.file)]
    foreign = [place for place in places if not is_library(place.file)]
    return next((found[-1] for found in (own, foreign, places) if found), None)


def shown_traceback(error: BaseException, code_dir: str) -> str:
    """The traceback as text. For every exception of the chain it begins at the user's first frame.

    Where no frame is the user's, it begins after smc's own frames.
    """
    import traceback

    summary = traceback.TracebackException.from_exception(error)
    _strip(summary, os.path.join(code_dir, ""), set())
    return "".join(summary.format())


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _strip(summary: "TracebackException", code_prefix: str, seen: set[int]) -> None:
    """Cut the stack of an exception, and of all that it is chained to, to begin at the user's code.

    The user's code may be where packages are installed, and a plugin's may be outside. So the search for the first
    user frame starts only after the last frame of pluggy in front of the code directory's: everything up to there
    belongs to hooks. If no frame is the user's, only the leading frames of smc and pluggy are cut.
    """
    from traceback import StackSummary

    if id(summary) in seen:
        return
    seen.add(id(summary))
    stack = [frame for frame in summary.stack if frame.filename not in SCRIPT_RUNNERS]
    files = [frame.filename for frame in stack]
    hooks_end = _end_of_hooks(files, code_prefix)
    first = next((n for n in range(hooks_end, len(files)) if _begins_user_code(files[n], code_prefix)), None)
    if first is None:
        first = next((n for n, file in enumerate(files) if not _is_plumbing(file)), 0)
    summary.stack = StackSummary.from_list(stack[first:])  # a slice alone is a plain list, without format()
    # Groups of exceptions, and so the attribute, exist from Python 3.11 on.
    chained = [summary.__cause__, summary.__context__, *(getattr(summary, "exceptions", None) or ())]
    for inner in chained:
        if inner is not None:
            _strip(inner, code_prefix, seen)


def _end_of_hooks(files: list[str], code_prefix: str) -> int:
    """The index after the last hook call that leads to the user's code; 0 for none."""
    own = next((n for n, file in enumerate(files) if _is_inside(file, code_prefix)), len(files))
    return max((n + 1 for n in range(own) if _PLUGGY in files[n]), default=0)


def _is_inside(file: str, code_prefix: str) -> bool:
    return file.startswith(code_prefix) and not _is_installed(file)


def _begins_user_code(file: str, code_prefix: str) -> bool:
    return _is_inside(file, code_prefix) or not is_library(file)


def _is_own(frame: FrameType, code_dir: str) -> bool:
    file = frame.f_code.co_filename
    if _is_smc(file) or not is_file(file):
        return False
    return (
        _is_inside(os.path.abspath(file), os.path.join(code_dir, "")) or frame.f_globals.get("__name__") == "__main__"
    )


def is_file(file: str) -> bool:
    """Whether a frame's file name is a real path: an absolute one may be gone by now, a relative one has to exist."""
    return os.path.isabs(file) or (not file.startswith("<") and os.path.isfile(file))


def _is_smc(file: str) -> bool:
    return file.startswith(_SMC_DIR + os.sep)


def _is_installed(file: str) -> bool:
    return any(part in file for part in _INSTALLED)


def is_library(file: str) -> bool:
    """Whether a file belongs to smc, an installed package or the standard library, or is no file at all."""
    return file.startswith(_STDLIB_DIR + os.sep) or _is_smc(file) or _is_installed(file) or not is_file(file)


def _is_plumbing(file: str) -> bool:
    """Whether a frame is one of those that lead from smc to the user's code."""
    return _is_smc(file) or file.startswith("<frozen ") or _PLUGGY in file
