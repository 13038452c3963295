"""A subcommand is one file, and is loaded only where it was asked for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import smc_core.cli
from smc_core.cli.parser import COMMANDS

ROOT = Path(__file__).parents[2]
ROOM = Path(smc_core.cli.__file__).parent


def test_a_module_that_declares_a_subcommand_is_on_the_list() -> None:
    declaring = {path.stem for path in ROOM.glob("*.py") if {"add", "handle"} <= _functions(path)}
    assert declaring == set(COMMANDS)


def test_the_reference_page_has_each_in_the_same_order() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text()
    assert re.findall(r"^## smc (\w+)$", page, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_one_that_was_asked_for_loads_no_other(name: str) -> None:
    script = (
        f"import sys\nfrom smc_core.cli.parser import parse\ntry: parse([{name!r}, '--help'])\nexcept SystemExit: pass"
    )
    shown = f"print(*(n for n in {COMMANDS} if f'smc_core.cli.{{n}}' in sys.modules), file=sys.stderr)"
    command = [sys.executable, "-c", f"{script}\n{shown}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.split() == [name]


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
