"""Modules in ``PYTHONPATH`` with a name of the standard library's: they are for the user's code alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.process import standard_library
from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from smc_core.cli import main; sys.exit(main())"  # what installers write as the command smc
NAMES = ("contextlib", "enum", "json", "logging", "random", "re", "signal", "subprocess", "types", "typing")
SCRIPT = "import random\nprint(random.MINE)\nraise ValueError('mine')\n"
FUNCTION = "def train():\n    raise ValueError('mine')\n"


@pytest.mark.parametrize(("code", "printed"), [(SCRIPT, "yes\n"), (FUNCTION, "")])
def test_smc_finds_the_standard_librarys_and_the_script_its_own(
    job: JobFolder, tmp_path: Path, code: str, printed: str
) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("MINE = 'yes'\n")
    job.code(train_py=code)
    environ = job.environ("train.py", PYTHONPATH=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "run"], env=environ, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, printed), ended.stderr
    assert (job.base / "output/failure").read_text().startswith("ValueError: mine (train.py:")


def test_the_order_is_pythons_own_again(monkeypatch: pytest.MonkeyPatch) -> None:
    library = os.path.dirname(os.__file__)
    compiled = os.path.join(library, "lib-dynload")
    monkeypatch.setattr("sys.path", ["users", library, compiled, "packages"])
    standard_library.come_first()
    assert sys.path == [library, compiled, "users", "packages"]
    sys.path.insert(0, "installed")
    standard_library.as_given()
    assert sys.path == ["installed", "users", library, compiled, "packages"]


PROGRAMS = [
    path
    for folder in ("src", *(f"plugins/{name}/src" for name in os.listdir(ROOT / "plugins")))
    for path in sorted((ROOT / folder).rglob("*.py"))
    if '\nif __name__ == "__main__":\n    sys.exit(main(' in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_program_imports_nothing_before_it_prefers_the_standard_library(path: Path) -> None:
    """Only ``sys`` and ``os``, which are loaded already, and a future statement."""
    seen = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            assert any(
                "come_first()" in line or "prefer_standard_library()" in line for line in map(ast.unparse, node.body)
            )
            break
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            seen.append(ast.unparse(node))
    assert set(seen) <= {"from __future__ import annotations", "import os", "import sys"}
