"""Decides whose fault an exception is, and reports a plugin's fault in one line of a fixed form."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType, ModuleType, TracebackType
from typing import TYPE_CHECKING

from smc_core.errors import PluginError, SmcError
from smc_core.settings import DISABLE_PLUGINS

if TYPE_CHECKING:
    from smc_core.plugins.calls import Site
    from smc_core.plugins.discovery import Installed

IMPORT = "import"
"""Takes the place of the hook's name when a plugin is imported."""
LINE = 200
"""Characters of a failure file's first line: a plugin's fault, and what to do about it, have to fit into it."""
_LEAST = 40
"""Characters of the description of a fault that are kept, however long the names are."""
_LONGEST_CLASS = len("PluginVersionError: ")

_ROOM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_SMC_DIR = os.path.join(os.path.dirname(os.path.dirname(_ROOM)), "")
_STDLIB_DIR = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_LEAVING = os.path.join(_ROOM, "leaving.py")
_PLUGGY = f"{os.sep}pluggy{os.sep}"
_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)
"""Errors of the operating system that are not the fault of any program: a full disk, a limit, a broken device."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class LeavingError(SystemExit):
    """A call of ``os._exit`` that was refused; reported as that call: ``raised os._exit(0)``.

    Attributes:
        site: the plugin and hook that it belongs to, if the caller's frame shows it.
    """

    def __init__(self, status: int, site: Site | None = None) -> None:
        super().__init__(status)
        self.site = site


LeavingError.__qualname__ = "os._exit"


def sentence(plugin: Installed, where: str, what: str, *, fix: str = "") -> str:
    """What a plugin did wrong, in one line.

    Args:
        plugin: the plugin.
        where: the name of a hook, or :data:`IMPORT`.
        what: what it did there; shortened so that everything fits into the first line of a failure file.
        fix: what to do about it, other than fixing or removing the plugin.

    """
    head = f"plugin {plugin.label}, {where if where == IMPORT else f'hook {where}'}: "
    tail = f"; {fix or f'fix or remove {plugin.distribution}'}, or set {DISABLE_PLUGINS}={plugin.name}"
    room = max(LINE - _LONGEST_CLASS - len(head) - len(tail), _LEAST)
    what = " ".join(what.split())
    return f"{head}{what if len(what) <= room else f'{what[: room - 1]}…'}{tail}"


def describe(plugin: Installed, where: str, error: BaseException, kind: type[PluginError] = PluginError) -> PluginError:
    """The error to raise for an exception of a plugin; the exception's traceback is cut to begin at the plugin.

    Args:
        plugin: the plugin.
        where: the name of a hook, or :data:`IMPORT`.
        error: what it raised.
        kind: the class of the new error.

    """
    error.__traceback__ = _from_plugin(error.__traceback__)
    hint = ""
    if where == IMPORT and isinstance(error, ModuleNotFoundError) and not _is_own(error.name, plugin):
        hint = " (import it inside the hooks)"
    return kind(sentence(plugin, where, f"raised {in_words(error)}{hint}"))


def _is_own(module: str | None, plugin: Installed) -> bool:
    """Whether a module belongs to the package of a plugin."""
    return (module or "").partition(".")[0] == plugin.entry_point.partition(":")[0].partition(".")[0]


def in_words(error: BaseException) -> str:
    """Class and message of an exception on one line."""
    name = type(error).__qualname__
    if isinstance(error, SystemExit):
        return f"{name}({error.code!r})"
    if name == "ValidationError" and callable(getattr(error, "errors", None)):
        return f"{name}: {_wrong_fields(error)}"
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001 - the class is not ours, and may even exit
        text = "<str() of the exception failed>"
    return f"{name}: {text}" if text else name


def is_stop(error: BaseException) -> bool:
    """Whether an exception comes from the handler, Python's own or another, of a signal that stops the job.

    A ``raise KeyboardInterrupt`` without a signal does not.
    """
    handlers = _stop_handlers()
    last = None
    for last in _frames(error.__traceback__):
        if last.tb_frame.f_code in handlers:
            return True
    return isinstance(error, KeyboardInterrupt) and last is not None and not _is_raise(last)


def is_in_stop_handler(frame: FrameType | None) -> bool:
    """Whether a frame belongs to the handler of a signal that stops the job, or is called by one."""
    handlers = _stop_handlers()
    while frame is not None:
        if frame.f_code in handlers:
            return True
        frame = frame.f_back
    return False


def _stop_handlers() -> set[object]:
    return {getattr(signal.getsignal(number), "__code__", None) for number in _STOP_SIGNALS} - {None}


def is_of_plugin(error: BaseException, homes: tuple[str, ...]) -> bool:
    """Whether an exception that left a hook of a plugin is the plugin's fault.

    It is not if it was raised on purpose (SmcError), by a signal, by the machine, or if the user's code is in its
    traceback.

    Args:
        error: the exception, with its traceback.
        homes: the folders or files of the plugins (:func:`home_of`).

    """
    if isinstance(error, (SmcError, MemoryError)) or is_stop(error):
        return False
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return False
    return not any(is_users(step.tb_frame, homes) for step in _frames(error.__traceback__))


def home_of(plugin: object) -> str | None:
    """Where a plugin was imported from: the folder of its top package with a separator at its end, or its file."""
    name = getattr(plugin, "__name__", None) if isinstance(plugin, ModuleType) else type(plugin).__module__
    top = sys.modules.get(str(name).partition(".")[0])
    file = getattr(top, "__file__", None) or getattr(sys.modules.get(str(name)), "__file__", None)
    if not isinstance(file, str):
        return None
    folder, base = os.path.split(os.path.abspath(file))
    return os.path.join(folder, "") if base == "__init__.py" else os.path.join(folder, base)


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _from_plugin(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that lead to the plugin: up to the last of this package, and the importer's.

    If the plugin called ``os._exit``, the last frame belongs to the function that refused it, and is dropped, too.
    """
    steps = list(_frames(trace))
    if steps and steps[-1].tb_frame.f_code.co_filename == _LEAVING:
        del steps[-1]
    ours = [n for n, step in enumerate(steps) if step.tb_frame.f_code.co_filename.startswith(_ROOM)]
    behind = steps[ours[-1] + 1 :] if ours else steps
    shown = itertools.dropwhile(lambda step: _is_importers(step.tb_frame.f_code.co_filename), behind)
    found = None
    for step in reversed(list(shown)):
        found = TracebackType(found, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return found


def _is_importers(file: str) -> bool:
    return file.startswith(("<frozen importlib", os.path.join(_STDLIB_DIR, "importlib", "")))


def is_users(frame: FrameType, homes: tuple[str, ...]) -> bool:
    """Whether a frame's code belongs to neither smc, a plugin, the standard library nor an installed package."""
    file = file_of(frame)
    if not file or file.startswith((_SMC_DIR, _STDLIB_DIR, *homes)):
        return False
    return not any(part in file for part in (*_INSTALLED, _PLUGGY))


def file_of(frame: FrameType) -> str:
    """The file of a frame's code, that of its module where the code was made from a text; empty where there is none."""
    file = frame.f_code.co_filename
    if file.startswith("<"):
        file = str(frame.f_globals.get("__file__") or "")
    return os.path.abspath(file) if file else ""


def _is_raise(step: TracebackType) -> bool:
    """Whether what a frame was doing is a ``raise``: a signal interrupts at other places."""
    import opcode

    code = step.tb_frame.f_code.co_code
    return step.tb_lasti < len(code) and code[step.tb_lasti] == opcode.opmap["RAISE_VARARGS"]


def _wrong_fields(error: object) -> str:
    """The fields that pydantic refuses, and why."""
    parts = []
    for item in error.errors(include_url=False, include_input=False):  # type: ignore[attr-defined]
        place = ".".join(str(step) for step in item["loc"])
        parts.append(f"{place}: {item['msg']}" if place else item["msg"])
    return f"{getattr(error, 'title', '')}: {', '.join(parts)}".removeprefix(": ")
