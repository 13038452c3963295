"""An author's desk: a virtual environment of its own, and a folder to work in."""

from __future__ import annotations

import os
import sysconfig
import venv
from pathlib import Path

import smc_core
from smc_core.testing import Result, start

_PIP = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}


class Desk:
    """A virtual environment that sees what the tests run with, and nothing else that is installed here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"
        venv.create(folder / "venv", symlinks=True)
        (site,) = (folder / "venv").glob("lib/python*/site-packages")
        seen = [sysconfig.get_path("purelib"), Path(smc_core.__file__).parents[1]]
        (site / "seen.pth").write_text("".join(f"{path}\n" for path in seen))

    def run(self, *command: object, at: str = ".", expect: int = 0, **variables: str) -> Result:
        """Run a module with this Python."""
        environ = {**os.environ, **_PIP, **variables}
        with start([self.python, "-m", *map(str, command)], environ=environ, cwd=self.folder / at) as running:
            result = running.wait()
        assert result.exit_code == expect, result.stdout + result.stderr
        return result

    def smc(self, *arguments: object, expect: int = 0, **variables: str) -> Result:
        """Run ``smc``."""
        return self.run("smc_core", *arguments, expect=expect, **variables)
