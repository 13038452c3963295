"""Installed size of smc-core and of sagemaker-training, each with its dependencies, without pip and setuptools."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from _environments import CLASSIC, SMC, make, table

BUDGET_MB = 20.0

LIST = """
import importlib.metadata, json
sizes = {}
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    if name not in ("pip", "setuptools", "wheel"):
        files = [distribution.locate_file(file) for file in distribution.files or [] if ".pyc" not in str(file)]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(sizes))
"""


def main() -> int:
    """Measure, print, and judge; exit code 1 where the budget is missed."""
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as name:
        ours = sizes(make(Path(name), "smc", SMC))
        theirs = sizes(make(Path(name), "classic", CLASSIC))
    print("installed size in MB, without bytecode\n")
    for title, found in (("smc-core", ours), ("sagemaker-training", theirs)):
        parts = sorted(found.items(), key=lambda item: -item[1])
        rows = [[title, "MB"], *([name, f"{size / 1e6:.2f}"] for name, size in parts)]
        print(table([*rows, ["in all", f"{sum(found.values()) / 1e6:.2f}"]]), end="\n\n")
    total = sum(ours.values()) / 1e6
    word = "met" if total <= BUDGET_MB else "missed"
    print(f"smc-core with its dependencies: {total:.1f} MB; budget {BUDGET_MB:.0f} MB: {word}")
    return int(total > BUDGET_MB)


def sizes(environment: Path) -> dict[str, int]:
    """Bytes of each distribution of an environment."""
    listing = subprocess.run(
        [str(environment / "bin/python"), "-c", LIST], capture_output=True, text=True, check=True
    ).stdout
    return dict(json.loads(listing))


if __name__ == "__main__":
    sys.exit(main())
