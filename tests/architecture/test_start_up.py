"""What the three interpreters of a job import until the user's code runs: the start-up, held without a clock.

What the third one, the script's, has imported is what ``python train.py`` has: ``tests/process/test_script_mode.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from smc_core.process import prepare
from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
SUPERVISOR = ["-c", "import sys; sys.argv[1:] = ['run']; from smc_core.cli import main; main()"]
PREPARE = [prepare.__file__]

BOTH = """
    __future__ _ast _collections _ctypes _functools _json _locale _operator _sre _struct _typing collections collections.abc
    contextlib copyreg ctypes ctypes._endian enum errno functools gc itertools json json.decoder json.encoder
    json.scanner keyword math operator re re._casefix re._compiler re._constants re._parser reprlib signal struct types
    typing sre_compile sre_constants sre_parse warnings
"""
OF_THE_SUPERVISOR = f"{BOTH} _heapq fcntl heapq resource select termios"
OF_A_PLUGIN = """
    _colorize _string _weakrefset atexit faulthandler logging string textwrap threading time traceback warnings weakref
"""
OF_THE_PREPARATION = f"{BOTH} _weakrefset ast pynvml"
"""What an empty job needs of the standard library. A module that is not listed is for what few jobs do: import it there.

``inspect``, which ``dataclasses`` and ``pluggy`` import, ``importlib.metadata``, ``logging``, ``subprocess`` and any
library take longer than all of these.
"""


def _imported(options: list[str], environ: dict[str, str]) -> set[str]:
    """The modules that an interpreter imports after its own start, up to its end or to the program that it becomes."""
    command = [sys.executable, "-X", "importtime", *options]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return set(re.findall(r"^import time: .*\| +([\w.]+)$", ended.stderr, re.MULTILINE))


@pytest.mark.parametrize(
    ("program", "needed"),
    [(SUPERVISOR, OF_THE_SUPERVISOR), (PREPARE, OF_THE_PREPARATION)],
    ids=["supervisor", "preparation"],
)
def test_an_empty_job_imports_little(program: list[str], needed: str, job: JobFolder, tmp_path: Path) -> None:
    job.code(train_py="").hyperparameters(sagemaker_program="train.py", epochs=5)
    environ = {"SAGEMAKER_BASE_DIR": str(job.base), "SMC_REPORT_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    start = _imported(["-c", ""], environ)
    imported = {name for name in _imported(program, environ) - start if name.partition(".")[0] != "encodings"}
    own = {name for name in imported if name.partition(".")[0] == "smc_core"}
    assert len(own) > 10
    assert imported - own <= set(needed.split())
    assert [name for name in sorted(own) if _compiles_annotations(name)] == []


@pytest.mark.parametrize("plugin", [path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")])
def test_a_plugin_imports_little_more(plugin: str) -> None:
    """Its module is imported in every job, whether or not the job is one of its framework's."""
    environ = {"PYTHONPATH": f"{ROOT}/src:{ROOT}/plugins/{plugin}/src"}
    manager = _imported(["-c", "import smc_core.plugins.manager, smc_core.plan"], environ)
    imported = _imported(["-c", f"import smc_core.plugins.manager, smc_core.plan, smc_{plugin}.plugin"], environ)
    libraries = {name for name in imported - manager if not name.startswith("smc_")}
    assert libraries <= set(OF_A_PLUGIN.split())


def _compiles_annotations(name: str) -> bool:
    """Whether a module has a NamedTuple whose annotations are text, which ``typing`` compiles, field by field."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    return "(NamedTuple)" in source and "from __future__ import annotations" in source
