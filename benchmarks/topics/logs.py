"""Logs: 100 MB of lines on stderr, through the parent and through ``| cat``.

The clock starts with the script's first byte, and stops when the reader at the end has the last one. The processor time
is that of the process that passes the lines on. The classic toolkit is called as its framework containers call it, with
``capture_error``; it passes the lines on to stdout, and gets a fiftieth of them.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cases import MB_S, SECONDS, Budget, Case, Claim, Comparison
from benchmarks.measuring import Way
from benchmarks.processes import Running, cpu_seconds, drained

TITLE = "Logs"
WRITER = """
import os, time
size, per_write = int(os.environ["BENCH_SIZE"]), int(os.environ["BENCH_PER_WRITE"])
line = b"2026-01-01 00:00:00,000 INFO step 1234 loss 0.12345 accuracy 0.98765 images/s 4321.0 lr 0.000100 x\\n"
block = line * (per_write // len(line))
time.sleep(0.5)  # as a job prepares: the parent loads its last modules meanwhile
with open(os.environ["BENCH_TIMES"], "w") as file:
    print(time.monotonic(), file=file)
left = size
while left > 0:
    left -= os.write(2, block[:left])
"""
CAPTURED = """
from sagemaker_training import entry_point
entry_point.run("", "train.py", [], capture_error=True)
"""
SIZE = 100 * 1000 * 1000
"""Bytes."""
BUDGET = Budget(least=0.9)
WAYS = {"one line a write": 100, "8 KiB a write": 8192}
"""Bytes a write: as Python's logging does it, and as a program does that fills a buffer of the usual size first."""
_BEFORE = 4096
"""Bytes in which the first lines of smc's own are: what was done until then is not counted."""
CAT, PEER = "| cat", "sagemaker-training"


def cases(bench: Bench) -> Iterator[Case]:
    """Both ways to write, each with its speed and its processor time."""
    environ = bench.job("logs", WRITER)
    smc, classic = bench.smc(), bench.classic()
    size = SIZE // 2 if bench.quick else SIZE
    for text, per_write in WAYS.items():
        settings = {**environ, "BENCH_PER_WRITE": str(per_write)}
        yield Comparison(
            f"stderr, {text}",
            {
                "smc": _through([smc.program("smc"), "run"], settings, size),
                CAT: _through_cat(smc.python, settings, size),
                PEER: _through([classic.python, "-c", CAPTURED], settings, size // 50, on_stdout=True),
            },
            [
                Claim(f"throughput, {text}", "smc", CAT, "speed", MB_S, BUDGET),
                Claim(f"throughput, {text}", "smc", PEER, "speed", MB_S),
                Claim(f"processor time for 100 MB, {text}", "smc", CAT, "cpu", SECONDS),
                Claim(f"processor time for 100 MB, {text}", "smc", PEER, "cpu", SECONDS),
            ],
        )


def _through(command: list[str], environ: Mapping[str, str], size: int, *, on_stdout: bool = False) -> Way:
    """A job whose parent passes the lines on."""
    times = Path(environ["SAGEMAKER_BASE_DIR"], "times")

    def way() -> Mapping[str, float]:
        times.unlink(missing_ok=True)
        variables = {**environ, "BENCH_TIMES": str(times), "BENCH_SIZE": str(size)}
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb") as end:
            stdout, stderr = (writing, None) if on_stdout else (None, writing)
            with Running(command, variables, stdout=stdout, stderr=stderr) as running:
                end.close()
                used = 0.0
                for come in drained(pipe.fileno(), size):
                    if come < _BEFORE:
                        used = cpu_seconds(running.pid)
                at = time.monotonic()
                used = cpu_seconds(running.pid) - used
                begun = float(times.read_text())
                while os.read(pipe.fileno(), 65536):
                    pass
                running.wait()
        return {"speed": size / (at - begun), "cpu": used * SIZE / size}

    return way


def _through_cat(python: str, environ: Mapping[str, str], size: int) -> Way:
    """The same script, without a parent."""
    base = Path(environ["SAGEMAKER_BASE_DIR"])
    times = base / "times"

    def way() -> Mapping[str, float]:
        variables = {**environ, "BENCH_TIMES": str(times), "BENCH_SIZE": str(size)}
        reading, writing = os.pipe()
        with Running([python, str(base / "code/train.py")], variables, stderr=writing) as writer:
            os.close(writing)
            with subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.PIPE) as cat:
                os.close(reading)
                assert cat.stdout is not None  # noqa: S101
                for _ in drained(cat.stdout.fileno(), size):
                    pass
                at = time.monotonic()
                _, _, usage = os.wait4(cat.pid, 0)
                cat.returncode = 0
            writer.wait()
        used = usage.ru_utime + usage.ru_stime
        return {"speed": size / (at - float(times.read_text())), "cpu": used * SIZE / size}

    return way
