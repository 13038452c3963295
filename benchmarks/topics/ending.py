"""Around the script: the time from the start of the job to the script's first line, and from its last line to the end.

The end is the exit of the process that the container waits for. The script notes both moments itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cases import MS_FINE, Case, Claim, Comparison
from benchmarks.measuring import Way
from benchmarks.processes import Running

TITLE = "Before and after the script"
SCRIPT = """
import os, time
begun = time.monotonic()
with open(os.environ["BENCH_TIMES"], "w") as file:
    print(begun, time.monotonic(), file=file)
"""
PEER, PYTHON = "sagemaker-training", "python train.py"


def cases(bench: Bench) -> Iterator[Case]:
    """The same script under smc, under the classic toolkit, and alone."""
    environ = bench.job("times", SCRIPT)
    times = Path(environ["SAGEMAKER_BASE_DIR"], "times")
    smc = bench.smc()
    ways = {
        "smc": _noted([smc.program("smc"), "run"], environ, times),
        PEER: _noted([bench.classic().program("train")], environ, times),
        PYTHON: _noted([smc.python, f"{environ['SAGEMAKER_BASE_DIR']}/code/train.py"], environ, times),
    }
    yield Comparison(
        "around the script",
        ways,
        [
            Claim(f"{text}{'' if peer == PEER else ' (alone)'}", "smc", peer, measure, MS_FINE)
            for text, measure in (("start to the script's first line", "before"), ("its last line to the end", "after"))
            for peer in (PEER, PYTHON)
        ],
    )


def _noted(command: Sequence[str], environ: Mapping[str, str], times: Path) -> Way:
    def way() -> Mapping[str, float]:
        times.unlink(missing_ok=True)
        with Running(command, {**environ, "BENCH_TIMES": str(times)}) as running:
            exited = running.wait()
        first, last = map(float, times.read_text().split())
        return {"before": first - running.begun, "after": exited.at - last}

    return way
