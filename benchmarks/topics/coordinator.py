"""Coordinator: the process that joins the hosts, with up to 256 simulated members.

They come at once, rest, and learn that one of them failed. All members are in one process, which has a processor to
itself where there are two. The last word on a failure is due three seconds after it, in which one that happened earlier
can still be heard of.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from benchmarks import programs
from benchmarks.bench import Bench
from benchmarks.cases import MS, PERCENT, SECONDS, Case, Chart, Growth
from benchmarks.measuring import Way
from benchmarks.processes import cpu_seconds, free_port, plain_environ

TITLE = "Coordinator"
PROGRAM = str(Path(programs.__file__).with_name("coordinator.py"))
REST_SECONDS = 2.0
"""One sign of life each way falls into it."""


def cases(bench: Bench) -> Iterator[Case]:
    """More and more members."""
    yield Growth(
        "members of the coordinator",
        "members",
        (8, 256) if bench.quick else (8, 64, 256),
        {"coordinator": _with_members(bench.smc().python)},
        [
            Chart(
                "coordinator-rendezvous", "rendezvous, from the first connection to the last start", "rendezvous", MS
            ),
            Chart("coordinator-cpu", "processor time of the coordinator for it", "cpu", MS),
            Chart("coordinator-rest", "processor time of the coordinator at rest", "rest", PERCENT),
            Chart("coordinator-failure", "one member's failure to the last one's final word", "failure", SECONDS),
        ],
        rounds=1 if bench.quick else 5,
        warm_ups=0,
    )


def _with_members(python: str) -> Callable[[int], Way]:
    def of(count: int) -> Way:
        def way() -> Mapping[str, float]:
            port = free_port("127.0.0.1")
            with _started(python, "coordinate", port, count) as coordinator:
                _line(coordinator)
                used = cpu_seconds(coordinator.pid)
                with _started(python, "members", port, count) as members:
                    begun, started = float(_line(members)), float(_line(members))
                    cpu = cpu_seconds(coordinator.pid) - used
                    rest = _rest(coordinator.pid)
                    _pipe(members.stdin).write(b"fail\n")
                    _pipe(members.stdin).flush()
                    failed, final = float(_line(members)), float(_line(members))
            return {"rendezvous": started - begun, "cpu": cpu, "rest": rest, "failure": final - failed}

        return way

    return of


def _rest(pid: int) -> float:
    time.sleep(0.2)  # what follows the start is over
    used, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(REST_SECONDS)
    return (cpu_seconds(pid) - used) / (time.monotonic() - begun)


def _started(python: str, role: str, port: int, count: int) -> subprocess.Popen[bytes]:
    command = [python, PROGRAM, role, str(port), str(count)]
    return subprocess.Popen(command, env=plain_environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _line(process: subprocess.Popen[bytes]) -> str:
    """The next line that a program prints.

    Raises:
        RuntimeError: it has exited.

    """
    line = _pipe(process.stdout).readline().decode()
    if not line:
        raise RuntimeError(f"{' '.join(map(str, process.args))} exited with {process.wait()}")  # type: ignore[arg-type]
    return line


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - both are pipes
    return pipe
