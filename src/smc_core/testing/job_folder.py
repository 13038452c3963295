"""A folder laid out as ``/opt/ml``, as the platform prepares it, and the run of a job in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN_SECONDS = 300.0
"""How long a job may take in a test by default."""


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        exit_code: of ``smc run``.
        stdout: all that it printed.
        stderr: all that it logged.
        failure: text of ``output/failure``; None where there is no such file.
        success: whether there is ``output/success``.
    """

    exit_code: int
    stdout: str
    stderr: str
    failure: str | None
    success: bool


class JobFolder:
    """A job's folder: write what the platform would, run the job, look at what it left."""

    def __init__(self, base: str | os.PathLike[str]) -> None:
        self.base = Path(base)
        for name in ("input/config", "input/data", "model", "output/data", "code"):
            (self.base / name).mkdir(parents=True, exist_ok=True)

    def hyperparameters(self, **values: Any) -> JobFolder:
        """Write ``hyperparameters.json``: text as it is, anything else as JSON, as the SageMaker SDK does."""
        return self.raw_hyperparameters(
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        )

    def raw_hyperparameters(self, texts: Mapping[str, Any]) -> JobFolder:
        """Write ``hyperparameters.json`` with just these entries."""
        return self.config("hyperparameters.json", texts)

    def config(self, name: str, content: Any) -> JobFolder:
        """Write a file of ``input/config``: text as it is, anything else as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        (self.base / "input/config" / name).write_text(text, encoding="utf-8")
        return self

    def channel(self, name: str, files: Mapping[str, bytes | str] | None = None) -> Path:
        """Add a channel with its files, and return its folder."""
        path = self.base / "input/config/inputdataconfig.json"
        channels = json.loads(path.read_text()) if path.exists() else {}
        channels[name] = {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        self.config(path.name, channels)
        folder = self.base / "input/data" / name
        _write(folder, files or {})
        return folder

    def hosts(self, *names: str, current: str | None = None, **fields: Any) -> JobFolder:
        """Write ``resourceconfig.json`` for these hosts, of which ``current`` (by default the first) is this one."""
        content = {"current_host": current or names[0], "hosts": list(names), "network_interface_name": "eth0"}
        return self.config("resourceconfig.json", {**content, **fields})

    def code(self, **files: str) -> JobFolder:
        """Write files into ``code/``; ``train_py="..."`` is ``train.py``."""
        return self.code_files({name.replace("_py", ".py").replace("_sh", ".sh"): text for name, text in files.items()})

    def code_files(self, files: Mapping[str, bytes | str]) -> JobFolder:
        """Write files into ``code/`` by their paths."""
        _write(self.base / "code", files)
        return self

    def environ(self, program: str | None = None, **variables: str) -> dict[str, str]:
        """The variables for a job in this folder: this process's own, less what would speak of another job."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SMC_", "SAGEMAKER_"))}
        ours["SAGEMAKER_BASE_DIR"] = str(self.base)
        if program is not None:
            ours["SAGEMAKER_PROGRAM"] = program
        return {**ours, **variables}

    def run(
        self,
        program: str | None = None,
        arguments: Sequence[str] = (),
        *,
        python: str = sys.executable,
        seconds: float = RUN_SECONDS,
        **variables: str,
    ) -> Ended:
        """Run ``smc run`` in this folder, in a process of its own.

        Args:
            program: the entry point.
            arguments: further arguments of ``smc run``.
            python: the interpreter.
            seconds: after so long the test fails.
            **variables: variables of the job.

        """
        ended = subprocess.run(  # noqa: S603 - an argument list
            [python, "-m", "smc_core", "run", *arguments],
            env=self.environ(program, **variables),
            cwd=self.base,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=seconds,
            check=False,
        )
        return self.ended(ended.returncode, ended.stdout, ended.stderr)

    def ended(self, exit_code: int, stdout: str, stderr: str) -> Ended:
        """How a job in this folder ended, with what it left there."""
        failure = self.base / "output/failure"
        return Ended(
            exit_code,
            stdout,
            stderr,
            failure.read_text(errors="backslashreplace") if failure.exists() else None,
            (self.base / "output/success").exists(),
        )


def _write(folder: Path, files: Mapping[str, bytes | str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
