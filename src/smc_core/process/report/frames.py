"""Which frames of a traceback are the user's own, and the traceback as the user should see it.

The user's code is what lies in the job's code directory or runs as ``__main__``; where none of it is in a
traceback, whatever is neither smc's, nor a plugin's, nor the standard library's, nor installed. A frame whose file is
no file (``<frozen os>``, ``<string>``, a Cython module's ``pandas/_libs/index.pyx``) is nobody's.
"""

# Annotations are no text here: Python would compile that of each field of a NamedTuple at every start.

import os
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from traceback import TracebackException

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
        function: name of the function; None where an error has no frame, as a syntax error.

    """

    file: str
    line: int
    function: str | None


def own_place(error: BaseException, code_dir: str, *, else_anywhere: bool = True) -> Place | None:
    """The user's own last frame in the traceback of an error; the place in the file for a syntax error.

    Args:
        error: an exception that was raised.
        code_dir: the job's code directory.
        else_anywhere: whether a frame of a library or of smc will do where none is the user's.

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
    """The user's own last place among those of a traceback; where none is, the last outside of libraries, or the last.

    Args:
        places: the nearest to the error last.
        code_dir: the job's code directory.

    """
    prefix = os.path.join(code_dir, "")
    own = [place for place in places if _is_inside(os.path.abspath(place.file), prefix) and is_file(place.file)]
    foreign = [place for place in places if not is_library(place.file)]
    return next((found[-1] for found in (own, foreign, places) if found), None)


def shown_traceback(error: BaseException, code_dir: str) -> str:
    """The traceback as text, beginning at the user's first frame, for every exception of the chain.

    Where no frame is the user's, it begins behind smc's own.
    """
    import traceback

    told = traceback.TracebackException.from_exception(error)
    _strip(told, os.path.join(code_dir, ""), set())
    return "".join(told.format())


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _strip(told: "TracebackException", code_prefix: str, seen: set[int]) -> None:
    from traceback import StackSummary

    if id(told) in seen:
        return
    seen.add(id(told))
    stack = [frame for frame in told.stack if frame.filename not in SCRIPT_RUNNERS]
    files = [frame.filename for frame in stack]
    hooks_end = _end_of_hooks(files, code_prefix)
    first = next((n for n in range(hooks_end, len(files)) if _begins_user_code(files[n], code_prefix)), None)
    if first is None:
        first = next((n for n, file in enumerate(files) if not _is_plumbing(file)), 0)
    told.stack = StackSummary.from_list(stack[first:])
    chained = [told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())]
    for inner in chained:
        if inner is not None:
            _strip(inner, code_prefix, seen)


def _end_of_hooks(files: list[str], code_prefix: str) -> int:
    """Where the hooks end that lead to the user's code: a plugin's file need not be where packages are installed."""
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
    """Whether a frame's file is one: an absolute path may be gone by now, a relative one has to be there."""
    return os.path.isabs(file) or (not file.startswith("<") and os.path.isfile(file))


def _is_smc(file: str) -> bool:
    return file.startswith(_SMC_DIR + os.sep)


def _is_installed(file: str) -> bool:
    return any(part in file for part in _INSTALLED)


def is_library(file: str) -> bool:
    """Whether a file is smc's, installed, of the standard library, or no file at all."""
    return file.startswith(_STDLIB_DIR + os.sep) or _is_smc(file) or _is_installed(file) or not is_file(file)


def _is_plumbing(file: str) -> bool:
    """Whether a frame is of those that lead from smc to the user's code."""
    return _is_smc(file) or file.startswith("<frozen ") or _PLUGGY in file
