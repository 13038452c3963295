"""How large a room may be, and what every distribution shares."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import smc_core

ROOT = Path(__file__).parents[2]
FILE_LINES = 320
FUNCTION_LINES = 40
SOURCES = sorted(path for pattern in ("src", "plugins/*/src") for path in ROOT.glob(f"{pattern}/**/*.py"))
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_is_one_thing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.stem not in VAGUE_NAMES
    assert text.count("\n") <= FILE_LINES
    assert {name: lines for name, lines in _functions(ast.parse(text)) if lines > FUNCTION_LINES} == {}


def test_all_distributions_have_one_version() -> None:
    projects = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    versions = {str(path.relative_to(ROOT)): _version(path) for path in projects}
    assert set(versions.values()) == {smc_core.__version__}, versions


def test_the_changelog_begins_with_this_version() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0].startswith(f"## {smc_core.__version__}")


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each function with its lines of code: what a signature and a docstring take does not make it hard to read."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _version(pyproject: Path) -> str:
    line = next(line for line in pyproject.read_text().splitlines() if line.startswith("version = "))
    return line.split('"')[1]
