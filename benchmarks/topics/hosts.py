"""Hosts: each is a whole ``smc run`` of its own on a loopback address, which a launcher joins.

The launcher starts the script as it is, once a host. Measured are the time from the start of all to the last script's
first line, beside the same hosts without a launcher, which wait for nobody; the processor time at rest, of all that
is smc's on one host; and the time from one host's exception to the exit of the last one, where the others wait for a
signal.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Bench, write_distributions
from benchmarks.cases import MS, PERCENT, SECONDS, Case, Chart, Growth
from benchmarks.measuring import Way
from benchmarks.processes import Running, cpu_seconds, free_port, has_exited, until

TITLE = "Hosts"
LAUNCHER = """
from smc_core import hookimpl

@hookimpl
def launch(environment, command):
    return command.with_variables({}, "bench")
"""
"""A plugin whose launcher starts the command as it is, once a host."""
SCRIPT = """
import os, signal, time
begun = time.monotonic()
with open(os.environ["BENCH_READY"], "w") as file:
    print(begun, os.getpid(), file=file)
if os.environ["SM_CURRENT_HOST"] == os.environ["BENCH_CULPRIT"]:
    while not os.path.exists(os.environ["BENCH_GO"]):
        time.sleep(0.005)
    with open(os.environ["BENCH_READY"] + ".failed", "w") as file:
        print(time.monotonic(), file=file)
    raise ValueError("bad batch")
if os.environ["BENCH_CULPRIT"]:
    signal.pause()
"""
REST_SECONDS = 2.0
"""One sign of life each way falls into it."""


def cases(bench: Bench) -> Iterator[Case]:
    """One to eight hosts that complete; then some of which one fails."""
    job = _Job(bench)
    yield Growth(
        "hosts",
        "hosts",
        (1, 2, 4) if bench.quick else (1, 2, 4, 8),
        {"with a launcher": job.starts(launched=True), "without": job.starts(launched=False)},
        [
            Chart("hosts-start", "start of all to the last script's first line", "ready", MS),
            Chart("hosts-end", "start of all to the exit of the last", "wall", MS),
        ],
        rounds=bench.few_rounds,
    )
    yield Growth(
        "hosts of which one fails",
        "hosts",
        (2,) if bench.quick else (2, 8),
        {"smc": job.fails},
        [
            Chart(
                "hosts-rest", "processor time at rest, of all that is smc's on one host", "rest", PERCENT, judged=False
            ),
            Chart("hosts-failure", "one host's exception to the exit of the last", "failure", SECONDS, judged=False),
        ],
        rounds=1 if bench.quick else 3,
        warm_ups=0,
    )


class _Job:
    """The job of several hosts: a folder for each, and the launcher's plugin."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._smc = bench.smc()
        self._plugin = write_distributions(bench.folder / "launcher", 1, "[smc.plugins]\nbench = {name}\n", LAUNCHER)

    def starts(self, *, launched: bool) -> Callable[[int], Way]:
        """All hosts start and complete."""

        def of(count: int) -> Way:
            def way() -> Mapping[str, float]:
                with self._started(count, launched=launched) as hosts:
                    ready = max(float(text.split()[0]) for text in self._ready(hosts))
                    begun = hosts[0].begun
                    return {"ready": ready - begun, "wall": max(host.wait().at for host in hosts) - begun}

            return way

        return of

    def fails(self, count: int) -> Way:
        """All hosts start, rest for a while, and then the second one raises an exception."""

        def way() -> Mapping[str, float]:
            with self._started(count, launched=True, culprit=_address(2)) as hosts:
                scripts = {int(text.split()[1]) for text in self._ready(hosts)}
                own = [pid for host in hosts for pid in host.pids() if pid not in scripts]
                time.sleep(0.5)  # what follows a start is over
                used, begun = sum(map(cpu_seconds, own)), time.monotonic()
                time.sleep(REST_SECONDS)
                rest = (sum(map(cpu_seconds, own)) - used) / (time.monotonic() - begun) / count
                self._go.touch()
                until(lambda: all(has_exited(host.pid) for host in hosts))
                last = time.monotonic()
                failed = float(self._paths(2).with_suffix(".failed").read_text())
                for host in hosts:
                    host.wait()
            return {"rest": rest, "failure": last - failed}

        return way

    @property
    def _go(self) -> Path:
        return self._bench.folder / "go"

    def _paths(self, number: int) -> Path:
        return self._bench.folder / f"ready-{number}"

    @contextlib.contextmanager
    def _started(self, count: int, *, launched: bool, culprit: str = "") -> Iterator[list[Running]]:
        names = [_address(number) for number in range(1, count + 1)]
        self._go.unlink(missing_ok=True)
        shared = {"SMC_LAUNCHER": "bench" if launched else "none", "SMC_MASTER_PORT": str(free_port(_address(1)))}
        with contextlib.ExitStack() as stack:
            hosts = []
            for number, name in enumerate(names, 1):
                environ = self._bench.job(f"host-{number}", SCRIPT, hosts=[name, *(n for n in names if n != name)])
                ready = self._paths(number)
                ready.unlink(missing_ok=True)
                given = {"BENCH_READY": str(ready), "BENCH_GO": str(self._go), "BENCH_CULPRIT": culprit}
                variables = {**environ, **shared, **given, "PYTHONPATH": self._plugin}
                code = 0 if not culprit else 1 if name == culprit else 5
                hosts.append(stack.enter_context(Running([self._smc.program("smc"), "run"], variables, expected=code)))
            yield hosts

    def _ready(self, hosts: Sequence[Running]) -> list[str]:
        return [host.wait_for(self._paths(number)) for number, host in enumerate(hosts, 1)]


def _address(number: int) -> str:
    """All of 127.0.0.0/8 is this machine."""
    return f"127.0.0.{number}"
