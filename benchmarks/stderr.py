"""How fast log lines pass through the supervisor: 100 MB on stderr, beside ``| cat``.

The two take turns in one run. The clock starts with the writer's first byte and stops when the reader at the end has
the last one. The writer waits for half a second before it begins, as a job's preparation does: the supervisor loads its
last modules in that time. The best rounds are compared, because whatever else the machine does can only slow one down.
Exit code 1 where the budget is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from _environments import table

SIZE = 100 * 1000 * 1000
"""Bytes."""
BUDGET = 0.9
"""The least speed, as a part of that of ``| cat``."""
WRITER = """
import os, sys, time
size, per_write = int(sys.argv[1]), int(sys.argv[2])
line = b"2026-01-01 00:00:00,000 INFO step 1234 loss 0.12345 accuracy 0.98765 images/s 4321.0 lr 0.000100 x\\n"
block = line * (per_write // len(line))
time.sleep(0.5)
print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
left = size
while left > 0:
    left -= os.write(2, block[:left])
"""
SUPERVISE = (
    "import sys; from smc_core.process.parent.supervisor import supervise;"
    "sys.exit(supervise(sys.argv[2:], base_dir=sys.argv[1]))"
)
WAYS = {"one line a write": 100, "8 KiB a write": 8192}
"""Bytes a write: as Python's logging does it, and as a program that fills a buffer of the usual size first."""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_known_args()[0].rounds
    rows = [["100 MB on stderr", "smc MB/s", "| cat MB/s", "smc / cat"]]
    worst = 1.0
    for way, per_write in WAYS.items():
        speeds = measure(per_write, rounds)
        ratio = max(speeds["smc"]) / max(speeds["cat"])
        rows.append([way, *(_cell(values) for values in speeds.values()), f"{ratio:.2f}"])
        worst = min(worst, ratio)
    print(f"stderr, Python {sys.version.split()[0]}, {rounds} rounds, alternating: best (median)\n")
    print(table(rows), end="\n\n")
    print(f"smc / cat: at least {worst:.2f}; budget {BUDGET}: {'met' if worst >= BUDGET else 'missed'}")
    return int(worst < BUDGET)


def measure(per_write: int, rounds: int) -> dict[str, list[float]]:
    """MB/s of each way, once a round; a first round that fills caches is not counted."""
    ways: dict[str, Callable[[int], float]] = {"smc": through_smc, "cat": through_cat}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, rounds):
        for name, way in ways.items():
            seconds = way(per_write)
            if number >= 0:
                speeds[name].append(SIZE / 1e6 / seconds)
    return speeds


def through_smc(per_write: int) -> float:
    """Seconds that the bytes need through the supervisor."""
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as base:
        command = [sys.executable, "-c", SUPERVISE, base, *_writer(per_write)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as job:
            assert job.stdout is not None  # noqa: S101
            assert job.stderr is not None  # noqa: S101
            return _seconds(job.stdout.fileno(), job.stderr.fileno())


def through_cat(per_write: int) -> float:
    """Seconds that the bytes need through ``cat``."""
    with (
        subprocess.Popen(_writer(per_write), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer,
        subprocess.Popen(["cat"], stdin=writer.stderr, stdout=subprocess.PIPE) as cat,  # noqa: S607
    ):
        assert writer.stdout is not None  # noqa: S101
        assert writer.stderr is not None  # noqa: S101
        assert cat.stdout is not None  # noqa: S101
        writer.stderr.close()
        return _seconds(writer.stdout.fileno(), cat.stdout.fileno())


def _cell(speeds: list[float]) -> str:
    return f"{max(speeds):.0f} ({statistics.median(speeds):.0f})"


def _writer(per_write: int) -> list[str]:
    return [sys.executable, "-c", WRITER, str(SIZE), str(per_write)]


def _seconds(clock: int, data: int) -> float:
    begun = float(os.read(clock, 100))
    buffer = bytearray(1 << 20)
    left = SIZE
    while left > 0:
        left -= os.readv(data, [buffer])
    return time.clock_gettime(time.CLOCK_MONOTONIC) - begun


if __name__ == "__main__":
    sys.exit(main())
