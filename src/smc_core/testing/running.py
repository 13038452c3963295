"""A program under test: started, signalled, read line by line, waited for, and never left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Generic, TypeVar

import psutil

SECONDS = 300.0
"""How long a test waits by default. Nothing should take so long: it is no guess of how fast a machine is."""
_PAUSE = 0.01
_LAST_WORDS = 1.0
_REMOVAL_SECONDS = 30.0
"""How long the kernel may take to remove a process that was killed."""


@dataclass(frozen=True)
class Result:
    """How a program exited, and what it printed.

    Attributes:
        exit_code: its exit code; negative, the number of the signal that killed it.
        stdout: all that it printed; bytes that are no UTF-8 are shown as escapes.
        stderr: the same of stderr.
    """

    exit_code: int
    stdout: str
    stderr: str


ResultT = TypeVar("ResultT", bound=Result)


class Running(Generic[ResultT]):
    """A running program, as :func:`start` and ``JobFolder.start`` return it.

    Its output is read all the time, so it never blocks on its test. As a context manager it is killed at the end
    of the block, with every process that it has started.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        make_result: Callable[[int, str, str], ResultT],
        mark: tuple[str, str] | None = None,
    ) -> None:
        self._process = process
        self._make_result = make_result
        self._mark = mark
        self._stdout, self._stderr = _Stream(process.stdout), _Stream(process.stderr)

    def __enter__(self) -> Running[ResultT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._stdout.text()

    @property
    def stderr(self) -> str:
        """What it has printed to stderr so far."""
        return self._stderr.text()

    def send(self, number: int) -> None:
        """Send it a signal; does nothing if it has exited."""
        self._process.send_signal(number)

    def write(self, text: str) -> None:
        """Write to its stdin; it has to be started with ``stdin=subprocess.PIPE``."""
        stdin = self._process.stdin
        if stdin is None:
            raise ValueError("start it with stdin=subprocess.PIPE to write to it")
        stdin.write(text.encode())
        stdin.flush()

    def read_line(self, seconds: float = SECONDS) -> str:
        """Wait for the next line of stdout, and return it without its line break.

        Args:
            seconds: after so long the test fails.

        Raises:
            AssertionError: no line has come in time, or it closed stdout; with what it has printed so far.

        """
        line = self._stdout.next_line(seconds)
        if line is None:
            raise AssertionError(self._report("printed no further line" + self._when(seconds)))
        return line

    def wait_until(self, condition: Callable[[], object], seconds: float = SECONDS) -> None:
        """Wait until a condition holds while it runs.

        Args:
            condition: what has to become true, such as ``lambda: "ready" in running.stderr``.
            seconds: after so long the test fails.

        Raises:
            AssertionError: the condition did not hold in time, or before it exited; with what it has printed so far.

        """
        met = False

        def met_or_over() -> bool:
            nonlocal met
            exited = self._process.poll() is not None
            met = bool(condition())
            return met or exited

        with contextlib.suppress(AssertionError):
            wait_until(met_or_over, seconds)
        if not met:
            raise AssertionError(self._report("did not do what is waited for" + self._when(seconds)))

    def wait(self, seconds: float = SECONDS) -> ResultT:
        """Close its stdin, and wait until it has exited.

        Args:
            seconds: after so long the test fails.

        Raises:
            AssertionError: it is still running, or a process that it has left behind can still print.

        """
        deadline = time.monotonic() + seconds
        self._close_stdin()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._report("has not exited" + self._when(seconds))) from None
        for stream in (self._stdout, self._stderr):
            if not stream.wait_for_end(max(0.0, deadline - time.monotonic())):
                raise AssertionError(self._report(f"left a process that holds its output open, {seconds:g} s on"))
        return self._make_result(code, self.stdout, self.stderr)

    def close(self) -> None:
        """Kill it, with every process that it has started, and wait until they are gone."""
        left = {*self._descendants(), *self._marked()}
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while left := {process for process in {*left, *self._marked()} if _is_alive(process)}:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if time.monotonic() > deadline:
                raise AssertionError(f"processes cannot be killed: {sorted(process.pid for process in left)}")
            time.sleep(_PAUSE)
        self._close_stdin()
        self._stdout.wait_for_end(_REMOVAL_SECONDS)
        self._stderr.wait_for_end(_REMOVAL_SECONDS)

    def _descendants(self) -> list[psutil.Process]:
        if self._process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                return psutil.Process(self.pid).children(recursive=True)
        return []

    def _marked(self) -> Iterator[psutil.Process]:
        return processes_with(*self._mark) if self._mark else iter(())

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _when(self, seconds: float) -> str:
        code = self._process.poll()
        return f" within {seconds:g} s" if code is None else f" before it exited with {code}"

    def _report(self, what: str) -> str:
        if self._process.poll() is not None:  # its last output may still be in the pipe
            self._stdout.wait_for_end(_LAST_WORDS)
            self._stderr.wait_for_end(_LAST_WORDS)
        command = self._process.args
        shown = command if isinstance(command, str) else " ".join(map(str, command))  # type: ignore[arg-type]
        return f"{shown}\n{what}; so far it has printed\n{self.stdout}\nand to stderr\n{self.stderr}"


def start(
    command: Sequence[str | os.PathLike[str]],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    mark: str | None = None,
    **popen: Any,
) -> Running[Result]:
    """Start a program, whose stdin is empty and whose stdout and stderr are collected.

    Args:
        command: the program and its arguments.
        environ: all its variables; by default those of this process.
        cwd: its working folder; by default that of this process.
        mark: name of one of these variables. What has it with the same value belongs to the program, and is killed
            with it even where its parent has exited.
        **popen: further arguments of ``subprocess.Popen``, such as ``stdin=subprocess.PIPE``. A stream that is
            directed elsewhere is not collected.

    """
    return start_with(Result, command, dict(os.environ if environ is None else environ), cwd, mark, popen)


def start_with(
    make_result: Callable[[int, str, str], ResultT],
    command: Sequence[str | os.PathLike[str]],
    environ: Mapping[str, str],
    cwd: str | os.PathLike[str] | None,
    mark: str | None,
    popen: Mapping[str, Any],
) -> Running[ResultT]:
    """Start a program as :func:`start` does; ``wait()`` creates its result from exit code, stdout and stderr."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
    process = subprocess.Popen(command, env=environ, cwd=cwd, **settings)  # noqa: S603 - an argument list
    return Running(process, make_result, (mark, environ[mark]) if mark else None)


def wait_until(
    condition: Callable[[], object], seconds: float = SECONDS, *, show: Callable[[], str] | None = None
) -> None:
    """Wait until a condition holds.

    Args:
        condition: what has to become true.
        seconds: after so long the test fails.
        show: gives what is printed when it does.

    Raises:
        AssertionError: the condition did not hold in time.

    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain" + (f":\n{show()}" if show else ""))
        time.sleep(_PAUSE)


def processes_with(name: str, value: str) -> Iterator[psutil.Process]:
    """The living processes of this user that have a variable with exactly this value."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it exited meanwhile, or is another user's
            if process.environ().get(name) == value and _is_alive(process):
                yield process


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


class _Stream:
    """Collects the output of a pipe in a thread; empty if there is no pipe."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._data = bytearray()
        self._at = 0
        self._changed = threading.Condition()
        self._is_over = file is None
        if file is not None:
            threading.Thread(target=self._collect, args=(file,), daemon=True).start()

    def _collect(self, file: IO[bytes]) -> None:
        with file:
            while data := os.read(file.fileno(), 65536):
                with self._changed:
                    self._data += data
                    self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def text(self) -> str:
        with self._changed:
            return self._data.decode(errors="backslashreplace")

    def next_line(self, seconds: float) -> str | None:
        """The next line; an unfinished last line counts as one. None if none has arrived in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._data.find(b"\n", self._at) >= 0, seconds)
            end = self._data.find(b"\n", self._at)
            if end < 0 and (not self._is_over or self._at == len(self._data)):
                return None
            line = self._data[self._at : end if end >= 0 else None]
            self._at += len(line) + 1 if end >= 0 else len(line)
            return line.decode(errors="backslashreplace")

    def wait_for_end(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_over, seconds)
