"""Guards against what a test, or the code that it calls, leaves behind in its process: one for each kind of thing.

Each is a context manager that raises an AssertionError at the end of its block; the fixtures of the same names do that
after a test.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import psutil

_GRACE_SECONDS = 2.0
"""How long a thread, a child or a descriptor of one may take to go after the test has stopped it."""
_PAUSE = 0.01
_OF_PYTEST = {"PYTEST_CURRENT_TEST"}


class Leak(AssertionError):  # noqa: N818 - it is what was found
    """Something was left behind; the message names it."""


@contextlib.contextmanager
def no_leaked_variables() -> Iterator[None]:
    """Variables of this process: ``os.environ`` is as it was."""
    before = dict(os.environ)
    yield
    changes = [
        f"{name} is {'removed' if name not in os.environ else 'changed' if name in before else 'new'}"
        for name in sorted({*before, *os.environ} - _OF_PYTEST)
        if before.get(name) != os.environ.get(name)
    ]
    _refuse("variables", changes)


@contextlib.contextmanager
def no_leaked_folder() -> Iterator[None]:
    """The working folder is the one that it was."""
    before = os.getcwd()
    yield
    after = _working_folder()
    _refuse("working folder", [f"{after}, and it was {before}"] if after != before else [])


@contextlib.contextmanager
def no_leaked_modules() -> Iterator[None]:
    """``sys.path`` is as it was; no module was replaced; none was imported whose file was temporary, or is gone."""
    path, modules = list(sys.path), dict(sys.modules)
    yield
    found = [f"sys.path has {entry} as well" for entry in sys.path if entry not in path]
    found += [f"sys.path lacks {entry}" for entry in path if entry not in sys.path]
    if not found and sys.path != path:
        found.append("sys.path has another order")
    found += [f"module {name} is another" for name, old in modules.items() if sys.modules.get(name, old) is not old]
    found += [f"module {name} of {_file(module)}" for name, module in _new_temporary(modules, path)]
    _refuse("modules", found)


@contextlib.contextmanager
def no_leaked_signals() -> Iterator[None]:
    """The handlers of signals, and which signals this thread blocks."""
    before, blocked = _handlers(), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    found = [f"the handler of {_name(number)}" for number, old in before.items() if signal.getsignal(number) is not old]
    now = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    found += [f"{_name(number)} is {'blocked' if number in now else 'let through'}" for number in sorted(blocked ^ now)]
    _refuse("signals", found)


@contextlib.contextmanager
def no_leaked_descriptors() -> Iterator[None]:
    """Open files, sockets and pipes."""
    before = _descriptors()
    yield
    gc.collect()  # what a cycle holds is closed with it
    left = _once_gone(lambda: {number: what for number, what in _descriptors().items() if before.get(number) != what})
    _refuse("open descriptors", [f"{number} ({what})" for number, what in sorted(left.items())])


@contextlib.contextmanager
def no_leaked_children() -> Iterator[None]:
    """Child processes, of children as well; one that has exited counts until its parent has waited for it."""
    before = _children()
    yield
    left = _once_gone(lambda: {who: what for who, what in _children().items() if who not in before})
    _refuse("child processes", [f"{who.pid} ({what})" for who, what in left.items()])


@contextlib.contextmanager
def no_leaked_threads() -> Iterator[None]:
    """Threads of Python's that are still alive."""
    before = set(threading.enumerate())
    yield
    left = _once_gone(lambda: {thread: "" for thread in threading.enumerate() if thread not in before})
    _refuse("threads", [f"{thread.name} ({_target(thread)})" for thread in left])


@contextlib.contextmanager
def no_leaked_temporary_files() -> Iterator[None]:
    """Temporary files and folders, of child processes too: inside, ``TMPDIR`` is an empty folder."""
    folder = tempfile.mkdtemp(prefix="smc-")  # a short name: sockets are created here
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    try:
        yield
        _refuse("temporary files", sorted(os.listdir(folder)))
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR", None) if variable is None else os.environ.update(TMPDIR=variable)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def no_leaked_logging() -> Iterator[None]:
    """Handlers, filters, levels and switches of loggers; a new logger may have a level, and a ``NullHandler``."""
    before = _loggers()
    yield
    found = []
    for name, now in _loggers().items():
        old = before.get(name) or now._replace(handlers=(), filters=())
        shown = f"logger {name or 'root'}"
        found += [f"{shown} has the handler {each!r}" for each in now.handlers if each not in old.handlers]
        found += [f"{shown} lacks the handler {each!r}" for each in old.handlers if each not in now.handlers]
        found += [
            f"{shown} has another {what}" for what, a, b in zip(now._fields, old, now, strict=True) if _differ(a, b)
        ]
    _refuse("logging", found)


GUARDS: tuple[Callable[[], contextlib.AbstractContextManager[None]], ...] = (
    no_leaked_variables,
    no_leaked_folder,
    no_leaked_modules,
    no_leaked_signals,
    no_leaked_logging,
    no_leaked_temporary_files,
    no_leaked_threads,
    no_leaked_children,
    no_leaked_descriptors,
)
"""All of them, from the outermost: what a thread or a child holds open is gone with it, and is not said twice."""


@contextlib.contextmanager
def no_leaks() -> Iterator[None]:
    """All guards at once; the message names everything that was left behind."""
    found: list[str] = []
    with contextlib.ExitStack() as stack:
        for guard in GUARDS:
            stack.enter_context(_collected(guard, found))
        yield
    if found:
        raise Leak("\n".join(reversed(found)))


@contextlib.contextmanager
def _collected(guard: Callable[[], contextlib.AbstractContextManager[None]], found: list[str]) -> Iterator[None]:
    try:
        with guard():
            yield
    except Leak as leak:
        found.append(str(leak))


def _refuse(what: str, found: Iterable[str]) -> None:
    if listed := ", ".join(found):
        raise Leak(f"left behind: {what}: {listed}")


def _once_gone(find: Callable[[], dict[Any, str]]) -> dict[Any, str]:
    """What is still there after the grace time: what was stopped needs a moment."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := find()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return left


def _working_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "a folder that is gone"


def _file(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "")


def _new_temporary(before: Mapping[str, ModuleType], path: Iterable[str]) -> Iterator[tuple[str, ModuleType]]:
    """The new modules, without those inside packages, that no other test could import; a job's ``train`` is one."""
    temporary = os.path.join(os.path.realpath(tempfile.gettempdir()), "")
    lasting = tuple(os.path.join(os.path.realpath(entry), "") for entry in path)  # as in an environment below /tmp
    for name, module in sorted(sys.modules.items()):
        file = os.path.realpath(_file(module)) if _file(module) else ""
        if name in before or "." in name or not file or file.startswith(lasting):
            continue
        if file.startswith(temporary) or not os.path.exists(file):
            yield name, module


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _descriptors() -> dict[int, str]:
    """Number → what it is, as Linux names it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def _children() -> dict[psutil.Process, str]:
    found = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            exited = process.status() == psutil.STATUS_ZOMBIE
            found[process] = "which has exited, and nobody has waited for it" if exited else " ".join(process.cmdline())
    return found


def _target(thread: threading.Thread) -> str:
    target = getattr(thread, "_target", None) or thread.run
    return f"{'daemon, ' if thread.daemon else ''}{getattr(target, '__qualname__', type(thread).__qualname__)}"


class _Logger(NamedTuple):
    handlers: tuple[logging.Handler, ...]
    filters: tuple[Any, ...]
    level: int
    propagate: bool
    disabled: bool


def _loggers() -> dict[str, _Logger]:
    named = {name: each for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    return {
        name: _Logger(
            tuple(each for each in logger.handlers if not _is_harmless(each)),
            tuple(logger.filters),
            logger.level,
            logger.propagate,
            logger.disabled,
        )
        for name, logger in {"": logging.root, **named}.items()
    }


def _is_harmless(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.NullHandler) or type(handler).__module__.startswith("_pytest")


def _differ(old: Any, new: Any) -> bool:
    """Whether a property of a logger is another; its handlers are named one by one."""
    return old != new and not (
        isinstance(new, tuple) and all(isinstance(each, logging.Handler) for each in (*old, *new))
    )
