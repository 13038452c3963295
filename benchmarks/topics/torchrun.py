"""torchrun: two processes below ``smc run`` with smc-pytorch, beside ``torchrun`` alone.

The script imports nothing but ``os``: what is measured is what smc adds to the launcher.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.cases import SECONDS, Case, Claim, Comparison
from benchmarks.processes import timed

TITLE = "torchrun"
SCRIPT = "import os\nassert os.environ['WORLD_SIZE'] == '2'\n"
TORCHRUN = "torchrun"


def cases(bench: Bench) -> Iterator[Case]:
    """The same script, the same launcher."""
    venv = bench.with_torch()
    job = {**bench.job("torchrun", SCRIPT), "OMP_NUM_THREADS": "1"}
    settings = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "2"}
    alone = ["--nproc-per-node=2", "--nnodes=1", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    ways = {
        "smc": timed([venv.program("smc"), "run"], {**job, **settings}),
        TORCHRUN: timed([venv.program("torchrun"), *alone, f"{job['SAGEMAKER_BASE_DIR']}/code/train.py"], job),
    }
    yield Comparison(
        "torchrun",
        ways,
        [
            Claim("two processes, an empty script", "smc", TORCHRUN, unit=SECONDS),
            Claim("two processes, an empty script: processor time", "smc", TORCHRUN, "cpu", SECONDS),
        ],
    )
