"""A folder of a user's, with code and data in it, and ``smc`` run there as they would run it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smc_core.testing import Result, Running, start
from smc_core.testing.running import processes_with

_MARK = "DESK"


class Desk:
    """The folder, and the commands run in it.

    Attributes:
        folder: where they are run.
        environ: their variables.
        python: their interpreter.
    """

    def __init__(self, place: Path) -> None:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("SM_", "SMC_", "SAGEMAKER_", "PYTEST"))}
        self.folder = place / "desk"
        self.folder.mkdir()
        self.environ = {**inherited, "XDG_CACHE_HOME": str(place / "cache"), _MARK: str(place)}
        self.python = sys.executable
        self._started: list[Running[Result]] = []

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str, prefix: Sequence[str] = (), **popen: Any) -> Running[Result]:
        command = [*prefix, self.python, "-m", "smc_core", *arguments]
        self._started.append(start(command, environ=self.environ, cwd=self.folder, mark=_MARK, **popen))
        return self._started[-1]

    def smc(self, *arguments: str, **options: Any) -> Result:
        return self.start(*arguments, **options).wait()

    def run(self, *arguments: str) -> Result:
        """``smc run``, which has to succeed."""
        result = self.smc("run", *arguments)
        assert result.exit_code == 0, result.stderr
        return result

    def jobs(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = json.loads(self.smc("jobs", "--json").stdout)
        return content

    def job(self, name: str = "") -> Path:
        """The folder of a job, by default of the only one."""
        folders = [path for path in (self.folder / ".smc/jobs").iterdir() if name in ("", path.name)]
        assert len(folders) == 1, folders
        return folders[0]

    def processes(self) -> list[int]:
        """The processes that these commands have started, and that are left."""
        return sorted(process.pid for process in processes_with(_MARK, self.environ[_MARK]))

    def close(self) -> None:
        """Kill what is left."""
        for running in self._started:
            running.close()
