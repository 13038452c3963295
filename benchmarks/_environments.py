"""Virtual environments to compare in: each is made once, and kept in the folder of the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMC = str(ROOT)
CLASSIC = "sagemaker-training"


def make(folder: Path, name: str, *requirements: str) -> Path:
    """An environment with these requirements and nothing else, below a folder; returns its own folder."""
    environment = folder / name
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", *requirements]
        subprocess.run([str(environment / "bin/python"), *install], check=True)
    return environment


def table(rows: list[list[str]]) -> str:
    """Rows as text, the first being the heading: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: list[str], widths: list[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip()
