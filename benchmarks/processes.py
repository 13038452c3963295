"""Run a command and measure it: wall time, processor time of it and all that it started, memory. Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.measuring import Way

LONGEST_SECONDS = 300.0
"""After which a command is taken to hang, and the run fails."""
MARK = "SMC_BENCH_MARK"
"""A variable by which the processes of one run are found, whoever their parent is."""
_CHUNK = 1 << 20
_SHOWN = 2000
"""Characters of what a command that failed has printed last."""


class Exited(NamedTuple):
    """How a command exited.

    Attributes:
        wall: seconds from its start to its exit.
        cpu: seconds of processor time, user and system, of the command and of what it has waited for.
        at: its exit on the monotonic clock.
        stdout: what it printed there.
    """

    wall: float
    cpu: float
    at: float
    stdout: str


class Running:
    """A command that runs, with its output in a file. Use it as a context manager, which stops it.

    Args:
        command: the argument list.
        environ: its variables; by default :func:`plain_environ`.
        cwd: its working directory.
        stdout: where its stdout goes; by default into the file.
        stderr: where its stderr goes; by default into the file as well.
        expected: its exit code.

    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        expected: int = 0,
    ) -> None:
        self.command = command
        self.mark = os.urandom(8).hex()
        self._expected = expected
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        variables = {**(plain_environ() if environ is None else environ), MARK: self.mark}
        self.begun = time.monotonic()
        self._process = subprocess.Popen(
            command,
            env=variables,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._out if stdout is None else stdout,
            stderr=self._out if stderr is None else stderr,
        )
        self.pid = self._process.pid
        self._limit = threading.Timer(LONGEST_SECONDS, self._process.kill)
        self._limit.daemon = True
        self._limit.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        if self._process.returncode is None:
            for pid in (self.pid, *self.pids()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            until(lambda: not self.pids(), 30)
        self._out.close()

    def wait(self) -> Exited:
        """Wait for it to exit.

        Raises:
            RuntimeError: it exited with another code than expected.

        """
        _, status, usage = os.wait4(self.pid, 0)
        at = time.monotonic()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != self._expected:
            raise RuntimeError(
                f"{' '.join(self.command)} exited with {self._process.returncode}:\n{self.printed()[-_SHOWN:]}"
            )
        return Exited(at - self.begun, usage.ru_utime + usage.ru_stime, at, self.printed())

    def printed(self) -> str:
        """What it has printed so far."""
        with open(f"/proc/self/fd/{self._out.fileno()}", "rb") as file:
            return file.read().decode(errors="backslashreplace")

    def wait_for(self, path: Path) -> str:
        """Wait until a file of the command's is there and has a whole line; returns its text.

        Raises:
            RuntimeError: the command has exited, or the time is up.

        """
        while time.monotonic() - self.begun < LONGEST_SECONDS:
            with contextlib.suppress(FileNotFoundError):
                text = path.read_text()
                if text.endswith("\n"):
                    return text
            if has_exited(self.pid):
                break
            time.sleep(0.002)
        raise RuntimeError(f"{' '.join(self.command)} did not write {path}:\n{self.printed()[-_SHOWN:]}")

    def pids(self) -> list[int]:
        """All processes of this run that live, whoever their parent is by now."""
        mark = f"{MARK}={self.mark}".encode()
        return [pid for pid in _all_pids() if mark in _read(f"/proc/{pid}/environ").split(b"\0")]


def run(
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    expected: int = 0,
) -> Exited:
    """Run a command until it exits, and measure it."""
    with Running(command, environ, cwd, expected=expected) as running:
        return running.wait()


def timed(command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: str | Path | None = None) -> Way:
    """A way that runs a command; its measures are ``wall`` and ``cpu``, in seconds."""

    def way() -> Mapping[str, float]:
        exited = run(command, environ, cwd)
        return {"wall": exited.wall, "cpu": exited.cpu}

    return way


def self_timed(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Way:
    """A way that runs a command which prints, as its last line, the seconds that it took."""
    return lambda: {"wall": float(run(command, environ).stdout.split()[-1])}


def plain_environ() -> dict[str, str]:
    """The variables of this process, less what would change how a command under measurement works."""
    ours = ("SM_", "SMC_", "SAGEMAKER_", "PYTHON", "PIP_", "UV_", "AWS_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def has_exited(pid: int) -> bool:
    """Whether a child of this process has exited; it can still be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def cpu_seconds(pid: int) -> float:
    """Processor time of one process so far, all its threads that live, to the microsecond."""
    return (
        sum(int((_read(str(path)).split() or [b"0"])[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        / 1e9
    )


def peak_bytes(pid: int) -> float:
    """The most memory that a process has had so far; 0 where it has gone."""
    return _field(f"/proc/{pid}/status", b"VmHWM:")


def share_bytes(pid: int) -> float:
    """Memory of a process, pages that it shares with others being counted in part; 0 where it has gone."""
    return _field(f"/proc/{pid}/smaps_rollup", b"Pss:")


def drained(descriptor: int, size: int) -> Iterator[int]:
    """Read so many bytes from a descriptor; gives how many have come, after each read."""
    buffer = bytearray(_CHUNK)
    come = 0
    while come < size:
        read = os.readv(descriptor, [buffer])
        if not read:
            raise RuntimeError(f"{come} bytes have come, and not {size}")
        come += read
        yield come


def until(done: Callable[[], bool], seconds: float = LONGEST_SECONDS) -> None:
    """Wait until something is so.

    Raises:
        RuntimeError: the time is up.

    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"it was not so within {seconds:g} s")
        time.sleep(0.005)


def free_port(address: str) -> int:
    """A port of this machine's of which the next one is free too."""
    while True:
        with contextlib.suppress(OSError, OverflowError), socket.create_server((address, 0)) as first:
            port: int = first.getsockname()[1]
            socket.create_server((address, port + 1)).close()
            return port


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _field(path: str, name: bytes) -> float:
    """Bytes that a line of a file of the kernel's gives in kB."""
    lines = (line.split() for line in _read(path).splitlines())
    return next((float(words[1]) * 1024 for words in lines if words[:1] == [name]), 0.0)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # the process has gone
        return b""
