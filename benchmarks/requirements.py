"""What requirements cost that are satisfied already: ``install`` beside pip and uv, which find out the same.

An environment holds ten packages of a usual image. What counts is the time from before the import of
``smc_core.code.needs.install`` to its answer, in a fresh interpreter that has pydantic loaded, as a job's has. Exit
code 1 where the budget is missed.
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
from pathlib import Path

from _environments import SMC, make, table

BUDGET_SECONDS = 0.05
TEN = (
    "boto3>=1.30",
    "joblib",
    "numpy>=1.24",
    "pandas>=2",
    "pillow",
    "pyyaml>=6",
    "requests",
    "rich",
    "scikit-learn",
    "tqdm",
)
PROGRAM = """
import sys, time
import pydantic
begun = time.perf_counter()
from smc_core.code.needs.install import install
answer = install(sys.argv[1])
seconds = time.perf_counter() - begun
assert answer.summary == "requirements.txt: 10 satisfied", answer
print(seconds)
"""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_known_args()[0].rounds
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as name:
        environment = make(Path(name), "image", SMC, "uv", *TEN)
        code = Path(name, "code")
        code.mkdir()
        (code / "requirements.txt").write_text("\n".join(TEN) + "\n")
        python, listed = str(environment / "bin/python"), ["-r", str(code / "requirements.txt")]
        commands: dict[str, Callable[[], float]] = {
            "smc, in its own process": lambda: float(run([python, "-c", PROGRAM, str(code)])[1]),
            "uv pip install": lambda: run([str(environment / "bin/uv"), "pip", "install", "--python", python, *listed])[
                0
            ],
            "pip install": lambda: run([python, "-m", "pip", "install", "--disable-pip-version-check", *listed])[0],
        }
        return report({name: [command() for _ in range(rounds)] for name, command in commands.items()})


def run(command: list[str]) -> tuple[float, str]:
    """Run a command; returns its wall seconds and what it printed."""
    begun = time.perf_counter()
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_plain()
    )
    return time.perf_counter() - begun, ended.stdout


def report(seconds: dict[str, list[float]]) -> int:
    """Print the table; returns the exit code."""
    rows = [["", "median ms", "quartiles ms"]]
    for name, values in seconds.items():
        low, median, high = statistics.quantiles(values, n=4)
        rows.append([name, f"{median * 1e3:.0f}", f"{low * 1e3:.0f} .. {high * 1e3:.0f}"])
    print(f"ten satisfied requirements, Python {sys.version.split()[0]}, {len(values)} rounds\n")
    print(table(rows), end="\n\n")
    cost = statistics.median(seconds["smc, in its own process"])
    missed = cost > BUDGET_SECONDS
    print(f"smc: {cost * 1e3:.0f} ms; budget {BUDGET_SECONDS * 1e3:.0f} ms: {'missed' if missed else 'met'}")
    return int(missed)


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SMC_", "PYTHON"))}


if __name__ == "__main__":
    sys.exit(main())
