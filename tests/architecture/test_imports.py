"""Who may import whom, and what a process may have loaded."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import smc_core
from smc_core import kit
from smc_core.cli.parser import COMMANDS
from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
HEAVY = ["pydantic", "requests", "pluggy", "psutil", "importlib_metadata"]
LOADED = f"import sys; print(*(name for name in {HEAVY!r} if name in sys.modules), file={{file}})"


def test_rooms_import_downward_only() -> None:
    """In a process of its own: import-linter switches off every logger that there is.

    The plugins' packages are to be found too: the core is tested without them installed.
    """
    plugins = [str(path) for path in ROOT.glob("plugins/*/src")]
    script = (
        f"import sys; sys.path += {plugins!r}; from importlinter.cli import *; sys.exit(lint_imports(no_cache=True))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_module_imports_itself_by_way_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports inside of functions count; those for type checking alone do not."""
    plugins = [path for path in ROOT.glob("plugins/*/src/*") if (path / "__init__.py").exists()]
    for path in plugins:
        monkeypatch.syspath_prepend(path.parent)
    packages = ["smc_core", *(path.name for path in plugins)]
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    assert len(graph.modules) > 200
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(error.args[1][::-1]))


@pytest.mark.parametrize(
    "code",
    [
        "from smc_core.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        f"from smc_core.cli import main\nfor each in {COMMANDS}:\n try: main([each, '--help'])\n except SystemExit: pass",
        "from smc_core.cli import main\nassert main(['nonsense']) == 2",
        "import smc_core.runner, smc_core.process.parent.supervisor",
        "import smc_core.process.script_runner, smc_core.process.report.writer",
        "import smc_core, smc_core.errors, smc_core.contract, smc_core.masking",
        "from smc_core.kit import is_asked_for, log_line, main, report_death, run_child, run_ranks",
    ],
    ids=[
        "smc --help",
        "smc COMMAND --help",
        "usage error",
        "supervisor",
        "script runner",
        "import smc_core",
        "launcher",
    ],
)
def test_a_fresh_interpreter_has_loaded_no_library(code: str) -> None:
    program = f"{code}\n{LOADED.format(file='sys.stderr')}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == ""


def test_a_script_starts_in_an_interpreter_that_has_loaded_no_library(job: JobFolder) -> None:
    job.code(train_py=LOADED.format(file="open('loaded', 'w')"))
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert (job.base / "code/loaded").read_text() == "\n"


def test_importing_the_package_creates_nothing(tmp_path: Path) -> None:
    base = tmp_path / "base"
    program = "import smc_core, smc_core.environment, smc_core.modules"
    subprocess.run([sys.executable, "-c", program], check=True, env={"SAGEMAKER_BASE_DIR": str(base)})
    assert not base.exists()


def test_tests_of_plugins_use_public_modules_only() -> None:
    """Neither an import, nor a name in a text: code for another interpreter, or what ``monkeypatch`` replaces."""
    public = set(re.findall(r"``(\w+)``", (kit.__doc__ or "").partition("Everything else")[0]))
    folders = [*ROOT.glob("plugins/*/tests"), ROOT / "src/smc_core/scaffold/template"]
    files = [path for folder in folders for path in folder.glob("**/*.py")]
    assert len(files) > 60
    known = {*public, *smc_core.__all__, "kit", *(path.name for path in ROOT.glob("plugins/*"))}
    private = set()
    for path in files:
        named = re.findall(r"\bsmc_core\.(\w+)", f"{path.read_text(encoding='utf-8')} {' '.join(_imports(path))}")
        private |= {f"{path.relative_to(ROOT)}: smc_core.{name}" for name in named if name not in known}
    assert private == set(), "use smc_core.testing.PluginManager, or make public what it lacks"


def test_one_module_gives_the_metadata_interface() -> None:
    """It comes from two places, by the version of Python, and is not the same on 3.10 and 3.11 (``smc_core.metadata``)."""
    patterns = ("src/**/*.py", "tests/*/*.py", "plugins/*/src/**/*.py", "plugins/*/tests/*.py", "docs/*.py")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    assert len(files) > 200
    importing = [path for path in files if {"importlib.metadata", "importlib_metadata"} & set(_imports(path))]
    assert importing == [ROOT / "src/smc_core/metadata.py"]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{each.name}" for each in node.names)
