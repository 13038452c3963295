"""Jobs of these tests: smc's temporary files lie in the job's folder, and the supervisor can be started alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import JobFolder, JobResult, Running

SUPERVISE = (
    "import sys; from smc_core.process.parent.supervisor import supervise;"
    "sys.exit(supervise(sys.argv[2:], base_dir=sys.argv[1]))"
)


def pid_namespace() -> list[str]:
    """The beginning of a command line that makes what follows PID 1 of a namespace."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    return command


class Job(JobFolder):
    """A job's folder.

    Attributes:
        output: its folder ``output``.
        scratch: where its temporary files lie.
    """

    def __init__(self, base: Path, **variables: str) -> None:
        super().__init__(base)
        for name in ("input", "model", "output"):  # whatever a job needs, it has to make itself
            shutil.rmtree(self.base / name)
        self.output, self.scratch = self.base / "output", self.base / "tmp"
        self.scratch.mkdir()
        own = {"TMPDIR": str(self.scratch), "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        self.variables = {**own, **variables}

    def start_supervisor(self, *command: str, prefix: Sequence[str] = (), **popen: Any) -> Running[JobResult]:
        """Put a command under supervision, without the steps that prepare a job."""
        return self.start_command([*prefix, sys.executable, "-c", SUPERVISE, str(self.base), *command], **popen)

    def supervise(self, *command: str, prefix: Sequence[str] = (), **popen: Any) -> JobResult:
        return self.start_supervisor(*command, prefix=prefix, **popen).wait()

    def write(self, name: str, text: str) -> Path:
        """A file in the code folder that can be executed."""
        self.code_files({name: text})
        path = self.base / "code" / name
        path.chmod(0o755)
        return path
