"""Real jobs in a folder of their own: how they are started, and what is left of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

DEADLINE = 30.0
"""Seconds after which something that should have happened counts as not happening."""
SUPERVISE = (
    "import sys; from smc_core.process.parent.supervisor import supervise;"
    "sys.exit(supervise(sys.argv[2:], base_dir=sys.argv[1]))"
)


@dataclass(frozen=True)
class Result:
    """How a job ended."""

    code: int
    stdout: bytes
    stderr: bytes
    failure: str | None
    success: bool

    @property
    def first_line(self) -> str:
        return (self.failure or "").partition("\n")[0]


@dataclass
class Running:
    """A job under way."""

    job: Job
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def read_line(self) -> str:
        """The next line of stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def end(self) -> Result:
        stdout, stderr = self.process.communicate(timeout=DEADLINE)
        return self.job.result(self.process.returncode, stdout, stderr)


@dataclass
class Job:
    """A job folder, and the commands that run it."""

    base: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = self.base / "code"
        self.output = self.base / "output"
        self.scratch = self.base / "tmp"
        for folder in (self.code, self.scratch):
            folder.mkdir(parents=True)
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SMC_", "PYTEST"))
        }
        self.environ = {
            **inherited,
            "SAGEMAKER_BASE_DIR": str(self.base),
            "TMPDIR": str(self.scratch),
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
            **self.environ,
        }

    def start_supervisor(self, *command: str, prefix: Sequence[str] = (), **options: object) -> Running:
        """Put a command under supervision, without the steps that prepare a job."""
        return self._start([*prefix, sys.executable, "-c", SUPERVISE, str(self.base), *command], options)

    def supervise(self, *command: str, prefix: Sequence[str] = (), **options: object) -> Result:
        return self.start_supervisor(*command, prefix=prefix, **options).end()

    def start(self, program: str | None = None, *, prefix: Sequence[str] = (), **options: object) -> Running:
        """``smc run``, with a program of the code folder."""
        if program is not None:
            self.environ["SAGEMAKER_PROGRAM"] = program
        return self._start([*prefix, sys.executable, "-m", "smc_core", "run"], options)

    def run(self, program: str | None = None, *, prefix: Sequence[str] = (), **options: object) -> Result:
        return self.start(program, prefix=prefix, **options).end()

    def write(self, name: str, text: str) -> Path:
        """A file in the code folder."""
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def result(self, code: int, stdout: bytes, stderr: bytes) -> Result:
        failure = self.output / "failure"
        text = failure.read_bytes().decode() if failure.exists() else None
        return Result(code, stdout, stderr, text, (self.output / "success").exists())

    def _start(self, command: list[str], options: Mapping[str, object]) -> Running:
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return Running(self, subprocess.Popen(command, env=self.environ, cwd=self.base, **settings))  # type: ignore[call-overload]


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Makes job folders; fails a test that leaves a process behind, or a file where reports were kept."""
    jobs: list[Job] = []

    def make(**environ: str) -> Job:
        job = Job(tmp_path / f"job{len(jobs)}", environ)
        jobs.append(job)
        return job

    yield make
    for job in jobs:
        left = processes_with(f"SAGEMAKER_BASE_DIR={job.base}")
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        reports = [name for name in os.listdir(job.scratch) if name.startswith("smc-")]
        shutil.rmtree(job.base, ignore_errors=True)
        assert not left, f"processes outlived the job: {left}"
        assert not reports, f"the folder of reports was left behind: {reports}"


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """One job folder."""
    return make_job()


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Waits until a condition holds, and fails when it does not in time."""

    def wait(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.005)

    return wait


@pytest.fixture
def find_processes() -> Callable[[str], list[int]]:
    """Numbers of the living processes with ``NAME=value`` in their environment."""
    return processes_with


@pytest.fixture(scope="session")
def pid_namespace() -> list[str]:
    """The beginning of a command line that makes what follows PID 1 of a namespace."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    return command


def processes_with(mark: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                environ = Path("/proc", name, "environ").read_bytes().split(b"\0")
                state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
                if os.fsencode(mark) in environ and state != "Z":
                    found.append(int(name))
    return found
