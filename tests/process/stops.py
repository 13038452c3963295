"""Stops jobs at random moments, and says of each whether its outcome is true.

Three kinds: the supervisor alone, around small commands (some milliseconds a job); a local job, ``smc run TARGET``; and
the supervisor as PID 1 of a namespace, as in a container.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.process.jobs import SUPERVISE

COMMANDS = {
    "sleep": ["sleep", "30"],
    "short": ["sleep", "0.004"],
    "exit": ["sh", "-c", "exit 3"],
    "handles": ["sh", "-c", "trap 'exit 5' TERM; sleep 30 & wait"],
    "leaves": ["sh", "-c", "setsid sleep 30 & sleep 30"],
}
CODES = {"sleep": {137, 143}, "short": {0, 137, 143}, "exit": {3, 137, 143}, "handles": {5, 137, 143}}
CODES["leaves"] = CODES["sleep"]

DRIVER = """
import json, os, random, signal, sys, time
from smc_core.process import signals
from smc_core.process.parent.supervisor import supervise

seed, count, scratch, commands = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
random.seed(seed)
signals.hold()
for number in range(count):
    base, name = f"{scratch}/{seed}-{number}", random.choice(list(commands))
    os.mkdir(base)
    times = random.choice([1, 1, 1, 2, 3])
    pauses = [random.choice([0, random.uniform(0, 0.03)]) for _ in range(times)]
    pid = os.fork()
    if pid == 0:
        os.close(1)
        os.close(2)
        os._exit(supervise(commands[name], base_dir=base))
    for pause in pauses:
        time.sleep(pause)
        os.kill(pid, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([name, times, status, base]), flush=True)
"""


class Outcome(NamedTuple):
    """What became of one job.

    Attributes:
        name: of its command.
        times: how often it was stopped.
        code: its exit code.
        files: its outcome files, by name.
        status: of its record; None where it has none, for want of a record or of a job folder.
        began: whether it came to have a job folder.
    """

    name: str
    times: int
    code: int
    files: dict[str, str]
    status: str | None = None
    began: bool = True

    @property
    def is_true(self) -> bool:
        """Whether exit code, outcome file, first line and record agree, and none is impossible."""
        if not self.began:
            return self.code == 128 + signal.SIGTERM
        if self.code not in CODES[self.name] or (self.code == 137 and self.times == 1):
            return False
        if list(self.files) != (["failure"] if self.code else ["success"]):
            return False
        is_stop = self.files.get("failure", "").startswith("Stopped by SIGTERM")
        # one that ends with 0 after it was asked to stop has stopped, and well: it is to be resumed
        fitting = ("completed", "stopped") if self.code == 0 else ("stopped",) if is_stop else ("failed",)
        return (is_stop or self.code in (0, 3)) and self.status in (None, *fitting)


def environment(folder: Path) -> dict[str, str]:
    """The variables of such jobs; ``SMC_TEST_MARK`` finds their processes."""
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(scratch), "SMC_STOP_GRACE": "20", "SMC_TEST_MARK": str(folder)}


def of_the_supervisor(count: int, seed: int, folder: Path) -> Iterator[Outcome]:
    """Stop ``count`` supervised commands, one after another."""
    command = [sys.executable, "-c", DRIVER, str(seed), str(count), str(folder), json.dumps(COMMANDS)]
    with subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        for line in driver.stdout:
            name, times, code, base = json.loads(line)
            yield Outcome(name, times, code, _files(Path(base)))
    assert driver.returncode == 0


def of_pid_1(count: int, seed: int, folder: Path, namespace: list[str]) -> Iterator[Outcome]:
    """Stop ``count`` supervised commands, each in a namespace of its own; ``namespace`` is what makes one."""
    choose = random.Random(seed)
    for number in range(count):
        base, name = folder / f"pid-1-{seed}-{number}", choose.choice(list(COMMANDS))
        base.mkdir()
        command = [*namespace, sys.executable, "-c", SUPERVISE, str(base), *COMMANDS[name]]
        with subprocess.Popen(command, env=environment(folder), stderr=subprocess.DEVNULL) as outer:
            times = _stop(outer, _inner(outer), choose)
        yield Outcome(name, times, outer.returncode, _files(base))


def of_local_jobs(count: int, seed: int, folder: Path) -> Iterator[Outcome]:
    """Stop ``count`` local jobs of a shell script."""
    choose = random.Random(seed)
    desk = folder / "desk"
    desk.mkdir()
    for number in range(count):
        name, job = choose.choice(list(COMMANDS)), f"job-{seed}-{number}"
        line = COMMANDS[name][2] if COMMANDS[name][0] == "sh" else f"exec {' '.join(COMMANDS[name])}"
        (desk / f"{name}.sh").write_text(f"#!/bin/sh\n{line}\n")
        command = [sys.executable, "-m", "smc_core", "run", f"./{name}.sh", "--name", job]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment(folder), cwd=desk, **quiet) as process:
            times = _stop(process, process.pid, choose)
        base = desk / ".smc/jobs" / job
        status = json.loads((base / "job.json").read_text())["status"] if base.exists() else None
        yield Outcome(name, times, process.returncode, _files(base), status, base.exists())


def _stop(process: subprocess.Popen[bytes], pid: int | None, choose: random.Random) -> int:
    """Send a stop once, twice or thrice at random moments from the one on at which it is heard; give how often."""
    while pid is not None and process.poll() is None and not _hears(pid):
        time.sleep(0.001)
    times = choose.choice([1, 1, 1, 2, 3])
    for _ in range(times):
        time.sleep(choose.choice([0, choose.uniform(0, 0.03), choose.uniform(0, 0.5)]))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid or process.pid, signal.SIGTERM)
    process.wait()
    return times


def _hears(pid: int) -> bool:
    """Whether SIGTERM has a handler: before that the kernel drops it for PID 1."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        (caught,) = (int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
        return bool(caught >> (signal.SIGTERM - 1) & 1)
    return False


def _inner(outer: subprocess.Popen[bytes]) -> int | None:
    """The process that is PID 1 inside; None where it has come and gone."""
    while outer.poll() is None:
        with contextlib.suppress(OSError), open(f"/proc/{outer.pid}/task/{outer.pid}/children") as file:
            if children := file.read().split():
                return int(children[0])
        time.sleep(0.001)
    return None


def _files(base: Path) -> dict[str, str]:
    output = base / "output"
    names = [name for name in ("failure", "success") if (output / name).exists()]
    return {name: (output / name).read_text() for name in names}
