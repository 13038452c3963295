"""Memory: of the parent at its peak, and of all processes of the job while the script waits.

The script logs 2,000 lines and waits; pages that processes share are counted in part (PSS). The parent's peak is read
until it exits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cases import MIB, Budget, Case, Claim, Comparison
from benchmarks.measuring import Way
from benchmarks.processes import Running, has_exited, peak_bytes, share_bytes

TITLE = "Memory"
SCRIPT = """
import os, sys, time
for number in range(2000):
    print("step", number, "of a script that logs as scripts do", file=sys.stderr)
with open(os.environ["BENCH_READY"], "w") as file:
    print(os.getpid(), file=file)
while not os.path.exists(os.environ["BENCH_GO"]):
    time.sleep(0.01)
"""
PARENT_BUDGET = Budget(most=16.0)
PEER, PYTHON = "sagemaker-training", "python train.py"


def cases(bench: Bench) -> Iterator[Case]:
    """A job that completes, then one that fails: its parent reads the report and writes the failure file."""
    smc, train = [bench.smc().program("smc"), "run"], [bench.classic().program("train")]
    well = bench.job("waits", SCRIPT)
    alone = [bench.smc().python, f"{well['SAGEMAKER_BASE_DIR']}/code/train.py"]
    ways = {
        "smc": _held(smc, well),
        PEER: _held(train, well),
        PYTHON: _held(alone, well),
    }
    yield Comparison(
        "a job that completes",
        ways,
        [
            Claim("the parent, at its peak", "smc", None, "parent", MIB, PARENT_BUDGET),
            Claim("the parent, at its peak", "smc", PEER, "parent", MIB),
            Claim("all but the script, while it runs", "smc", PEER, "others", MIB),
            Claim("the whole tree, while the script runs", "smc", PEER, "tree", MIB),
            Claim("the whole tree, while the script runs", "smc", PYTHON, "tree", MIB),
        ],
    )
    fails = bench.job("fails", f"{SCRIPT}raise ValueError('bad batch')\n")
    yield Comparison(
        "a job that fails",
        {"smc": _held(smc, fails, expected=1), PEER: _held(train, fails, expected=1)},
        [
            Claim("the parent of a job that fails, at its peak", "smc", None, "parent", MIB, PARENT_BUDGET),
            Claim("the parent of a job that fails, at its peak", "smc", PEER, "parent", MIB),
        ],
    )


def _held(command: Sequence[str], environ: Mapping[str, str], expected: int = 0) -> Way:
    base = Path(environ["SAGEMAKER_BASE_DIR"])
    ready, go = base / "ready", base / "go"

    def way() -> Mapping[str, float]:
        ready.unlink(missing_ok=True)
        go.unlink(missing_ok=True)
        variables = {**environ, "BENCH_READY": str(ready), "BENCH_GO": str(go)}
        with Running(command, variables, expected=expected) as running:
            script = int(running.wait_for(ready))
            time.sleep(0.1)  # what the parent loads beside the script is loaded
            shares = {pid: share_bytes(pid) for pid in running.pids()}
            go.touch()
            peak = 0.0
            while not has_exited(running.pid):
                peak = max(peak, peak_bytes(running.pid))
                time.sleep(0.001)
            running.wait()
        tree = sum(shares.values())
        return {"parent": peak, "tree": tree, "others": tree - shares[script]}

    return way
