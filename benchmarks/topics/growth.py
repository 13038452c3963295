"""Growth: how much longer an empty job takes the more hyperparameters, channels, plugins or distributions there are.

A plugin answers one hook; a distribution has metadata and an entry point of another group. SageMaker allows 100
hyperparameters and 20 channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, write_distributions
from benchmarks.cases import MS, Case, Chart, Growth
from benchmarks.measuring import Way
from benchmarks.processes import timed

TITLE = "Growth"
PLUGIN = """
from smc_core import hookimpl

@hookimpl
def save_model(environment, model):
    return None
"""
PEER = "sagemaker-training"


def cases(bench: Bench) -> Iterator[Case]:
    """One growth after another; where the classic toolkit knows of what grows, it is beside smc."""
    smc, train = [bench.smc().program("smc"), "run"], [bench.classic().program("train")]

    def both(make: Callable[[int], dict[str, str]]) -> dict[str, Callable[[int], Way]]:
        return {"smc": lambda count: timed(smc, make(count)), PEER: lambda count: timed(train, make(count))}

    def with_hyperparameters(count: int) -> dict[str, str]:
        values = {f"parameter-{number}": str(number / 7) for number in range(count)}
        return bench.job(f"hyperparameters-{count}", hyperparameters=values)

    def with_channels(count: int) -> dict[str, str]:
        return bench.job(f"channels-{count}", channels=[f"channel{number}" for number in range(count)])

    def with_distributions(count: int) -> dict[str, str]:
        folder = bench.folder / f"growth-distributions-{count}"
        entry = "[console_scripts]\n{name} = {name}:main\n"
        return {**bench.job("growth"), "PYTHONPATH": write_distributions(folder, count, entry)}

    def with_plugins(count: int) -> dict[str, str]:
        folder = bench.folder / f"growth-plugins-{count}"
        return {
            **bench.job("growth"),
            "PYTHONPATH": write_distributions(folder, count, "[smc.plugins]\n{name} = {name}\n", PLUGIN),
        }

    few = bench.quick
    yield _grown(
        bench, "hyperparameters", (1, 100, 1000) if few else (1, 10, 100, 300, 1000), both(with_hyperparameters), 100
    )
    yield _grown(bench, "channels", (1, 20, 100) if few else (1, 10, 20, 50, 100), both(with_channels), 10)
    yield _grown(bench, "distributions", (0, 100, 1000) if few else (0, 100, 300, 1000), both(with_distributions), 100)
    plugins = {"smc": lambda count: timed(smc, with_plugins(count))}
    yield _grown(bench, "plugins", (0, 5, 20) if few else (0, 1, 5, 10, 20), plugins, 1)


def _grown(bench: Bench, over: str, at: tuple[int, ...], ways: dict[str, Callable[[int], Way]], per: int) -> Growth:
    chart = Chart(f"growth-{over}", f"an empty job, over {over}", "wall", MS, per)
    return Growth(over, over, at, ways, [chart], rounds=bench.few_rounds)
