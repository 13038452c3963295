"""A folder of a user's, with code and data in it, and ``smc`` run there as they would run it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DEADLINE = 150.0
"""Seconds after which something that should have happened counts as not happening."""


@dataclass
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Desk:
    """The folder, and the commands run in it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str, prefix: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
        command = [*prefix, self.python, "-m", "smc_core", *arguments]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, text=True, errors="replace", **settings)

    def smc(self, *arguments: str, **options: Any) -> Ended:
        return end(self.start(*arguments, **options))

    def run(self, *arguments: str) -> Ended:
        """``smc run``, which has to succeed."""
        ended = self.smc("run", *arguments)
        assert ended.code == 0, ended.stderr
        return ended

    def jobs(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = json.loads(self.smc("jobs", "--json").stdout)
        return content

    def job(self, name: str = "") -> Path:
        """The folder of a job, by default of the only one."""
        folders = [path for path in (self.folder / ".smc/jobs").iterdir() if name in ("", path.name)]
        assert len(folders) == 1, folders
        return folders[0]


def end(process: subprocess.Popen[str]) -> Ended:
    stdout, stderr = process.communicate(timeout=DEADLINE)
    return Ended(process.returncode, stdout, stderr or "")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder without a job of a container; fails a test that leaves a process behind."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("SM_", "SMC_", "SAGEMAKER_", "PYTEST"))}
    made = Desk(tmp_path / "desk", {**inherited, "XDG_CACHE_HOME": str(tmp_path / "cache"), "DESK": str(tmp_path)})
    made.folder.mkdir()
    yield made
    left = processes_with(f"DESK={tmp_path}")
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"processes outlived the job: {left}"


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Waits until a condition holds, and fails when it does not in time."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return wait


def processes_with(mark: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                environ = Path("/proc", name, "environ").read_bytes().split(b"\0")
                if os.fsencode(mark) in environ:
                    found.append(int(name))
    return found
