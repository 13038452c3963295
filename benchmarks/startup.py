"""How long an empty job takes: ``smc run`` beside ``train`` of sagemaker-training and beside the import of pydantic.

The commands take turns in one run, so that whatever else the machine does falls on all of them alike. Exit code 1 where
a budget is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from _environments import CLASSIC, SMC, make, table

BUDGETS = {"train": (0.5, 0.35), "pydantic": (2.0, 1.5)}
"""Peer → the greatest ratio of smc to it, and the one aimed at."""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_known_args()[0].rounds
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as name:
        folder = Path(name)
        smc = make(folder, "smc", SMC)
        classic = make(folder, "classic", CLASSIC)
        commands = {
            "smc": [str(smc / "bin/smc"), "run"],
            "train": [str(classic / "bin/train")],
            "pydantic": [str(smc / "bin/python"), "-c", "from pydantic import BaseModel"],
            "python": [str(smc / "bin/python"), "-c", "pass"],
        }
        return report(measure(commands, _empty_job(folder / "ml"), rounds))


def measure(commands: Mapping[str, list[str]], environ: Mapping[str, str], rounds: int) -> dict[str, list[float]]:
    """Wall seconds of each command, once a round; a first round that fills caches is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(-1, rounds):
        for name, command in commands.items():
            begun = time.perf_counter()
            subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number >= 0:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def report(seconds: Mapping[str, list[float]]) -> int:
    """Print the table and the ratios; returns the exit code."""
    labels = {
        "smc": "smc run, empty script, no plugins",
        "train": "train of sagemaker-training, empty script",
        "pydantic": "python -c 'from pydantic import BaseModel'",
        "python": "python -c pass",
    }
    rows = [["", "median ms", "quartiles ms", "smc / this"]]
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        low, _, high = statistics.quantiles(values, n=4)
        ratio = "" if name == "smc" else f"{medians['smc'] / medians[name]:.2f}"
        rows.append([labels[name], f"{medians[name] * 1e3:.0f}", f"{low * 1e3:.0f} .. {high * 1e3:.0f}", ratio])
    print(f"start-up, Python {sys.version.split()[0]}, {len(seconds['smc'])} rounds, commands alternating\n")
    print(table(rows), end="\n\n")
    missed = 0
    for name, (budget, aim) in BUDGETS.items():
        ratio = medians["smc"] / medians[name]
        missed += ratio > budget
        word = "missed" if ratio > budget else "met" if ratio > aim else "met, and the aim"
        print(f"smc / {name}: {ratio:.2f}; budget {budget} (aim {aim}): {word}")
    return int(missed > 0)


def _empty_job(base: Path) -> dict[str, str]:
    """A job that both can run: every file of the contract, and a host that resolves at once."""
    for name in ("code", "input/config", "input/data", "model", "output/data"):
        (base / name).mkdir(parents=True)
    (base / "code/train.py").write_text("")
    for name, content in {
        "hyperparameters.json": {"sagemaker_program": "train.py"},
        "inputdataconfig.json": {},
        "resourceconfig.json": {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": "lo"},
    }.items():
        (base / "input/config" / name).write_text(json.dumps(content))
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SMC_", "SAGEMAKER_", "PYTHON"))}
    return {**ours, "SAGEMAKER_BASE_DIR": str(base)}


if __name__ == "__main__":
    sys.exit(main())
