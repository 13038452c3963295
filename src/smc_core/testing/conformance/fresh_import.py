"""What happens where a plugin's module is imported first: in an interpreter that has imported nothing else."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from smc_core.testing.running import start

_PROGRAM = """
import json, sys, time
from importlib import import_module
import smc_core.hookspecs, smc_core.kit, smc_core.plugins.manager, smc_core.setting
there = set(sys.modules)
begun = time.perf_counter()
import_module(sys.argv[1])
seconds = time.perf_counter() - begun
with open(sys.argv[2], "w") as file:
    json.dump([seconds, sorted({name.partition(".")[0] for name in set(sys.modules) - there})], file)
"""


class FreshImport(NamedTuple):
    """An import of a module in an interpreter of its own.

    Attributes:
        seconds: how long it took, beyond what the core had imported.
        packages: the top packages that it brought.
        printed: what it printed, to stdout or stderr.
        wrong: why it did not come to its end; empty where it did.
    """

    seconds: float = 0.0
    packages: tuple[str, ...] = ()
    printed: str = ""
    wrong: str = ""

    @property
    def foreign(self) -> list[str]:
        """The packages that are not of the standard library."""
        return [name for name in self.packages if name not in sys.stdlib_module_names]


@cache
def fresh_import(module: str, seconds: float, _attempt: int = 0) -> FreshImport:
    """Import a module in a fresh interpreter; done once for the same arguments.

    Args:
        module: its full name.
        seconds: after so long it is taken to hang.
        _attempt: asks for another import.

    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        with start([sys.executable, "-c", _PROGRAM, module, result]) as running:
            try:
                ended = running.wait(seconds)
            except AssertionError:
                return FreshImport(wrong=f"did not return within {seconds:g} s")
        printed = ended.stdout + ended.stderr
        if not result.exists():
            last = printed.strip().rpartition("\n")[2]
            return FreshImport(wrong=f"ended the interpreter with exit code {ended.exit_code}: {last}")
        took, packages = json.loads(result.read_text())
        return FreshImport(took, tuple(packages), printed)
