"""Import: what ``import smc_core`` in a script costs, in a fresh interpreter, from before the statement to after it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.cases import MS_FINE, Case, Claim, Comparison
from benchmarks.processes import self_timed

TITLE = "Import"


def cases(bench: Bench) -> Iterator[Case]:
    """The package alone, and what a job's code asks of it most: the Environment."""
    smc, classic = bench.smc().python, bench.classic().python
    environment = "smc_core.Environment"
    ways = {
        "smc": self_timed([smc, "-c", _timed("import smc_core")]),
        environment: self_timed([smc, "-c", _timed("from smc_core import Environment")]),
        "sagemaker-training": self_timed([classic, "-c", _timed("from sagemaker_training import environment")]),
        "requests": self_timed([smc, "-c", _timed("import requests")]),
    }
    yield Comparison(
        "import",
        ways,
        [
            Claim("`import smc_core`", "smc", "sagemaker-training", unit=MS_FINE),
            Claim("`import smc_core`", "smc", "requests", unit=MS_FINE),
            Claim("`from smc_core import Environment`", environment, "sagemaker-training", unit=MS_FINE),
        ],
    )


def _timed(statement: str) -> str:
    return f"import time; begun = time.perf_counter(); {statement}; print(time.perf_counter() - begun)"
