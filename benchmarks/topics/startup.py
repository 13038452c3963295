"""Start-up: how long an empty job takes, from the start of the process to its exit.

The peer is ``train`` of sagemaker-training with an empty script; it has no function mode.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import PLUGINS, Bench, write_distributions
from benchmarks.cases import MS, Budget, Case, Claim, Comparison
from benchmarks.measuring import Way
from benchmarks.processes import timed

TITLE = "Start-up"
FUNCTION = "def train():\n    return None\n"
SCRIPT_BUDGET, PLUGINS_BUDGET = Budget(most=0.27), Budget(most=0.35)
PEER, PYTHON = "sagemaker-training", "python train.py"


def cases(bench: Bench) -> Iterator[Case]:
    """An empty script, then an empty function, with more and more installed beside smc."""
    other = write_distributions(bench.folder / "distributions", 100, "[console_scripts]\n{name} = {name}:main\n")
    venvs = {"no plugin": bench.smc(), "1 plugin": bench.smc("pytorch"), "5 plugins": bench.smc(*PLUGINS)}
    script, function = bench.job("empty-script"), bench.job("empty-function", FUNCTION)
    code = f"{script['SAGEMAKER_BASE_DIR']}/code/train.py"
    for mode, environ in (("script", script), ("function", function)):
        crowded = "no plugin, 100 unrelated distributions"
        ways: dict[str, Way] = {name: timed([venv.program("smc"), "run"], environ) for name, venv in venvs.items()}
        ways[crowded] = timed([venvs["no plugin"].program("smc"), "run"], {**environ, "PYTHONPATH": other})
        ways[PEER] = timed([bench.classic().program("train")], script)
        ways[PYTHON] = timed([venvs["no plugin"].python, code], script)
        budgets = {"no plugin": SCRIPT_BUDGET, "5 plugins": PLUGINS_BUDGET} if mode == "script" else {}
        yield Comparison(
            f"{mode} mode",
            ways,
            [
                *(Claim(f"{mode} mode, {name}", name, PEER, budget=budgets.get(name)) for name in (*venvs, crowded)),
                Claim(f"{mode} mode, no plugin: processor time", "no plugin", PEER, "cpu", MS),
                Claim(f"{mode} mode, no plugin", "no plugin", PYTHON),
            ],
        )
