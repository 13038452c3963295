"""A folder laid out as ``/opt/ml``, as the platform prepares it, and the run of a job in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from smc_core.testing.running import SECONDS, Result, Running, processes_with, start_with

_BASE = "SAGEMAKER_BASE_DIR"


@dataclass(frozen=True)
class JobResult(Result):
    """How a job ended.

    Attributes:
        failure: text of ``output/failure``; None if there is no such file.
        success: whether there is ``output/success``.
    """

    failure: str | None
    success: bool

    @property
    def first_line(self) -> str:
        """The first line of the failure file, which SageMaker shows; empty if there is none."""
        return (self.failure or "").partition("\n")[0]


class JobFolder:
    """A job's folder: write what the platform would write, run the job, and inspect the results.

    As a context manager it kills, at the end of the block, every process of the jobs that were started here.

    Attributes:
        base: the folder, in place of ``/opt/ml``.
        variables: variables of every job that is run here.
    """

    def __init__(self, base: str | os.PathLike[str]) -> None:
        self.base = Path(base)
        self.variables: dict[str, str] = {}
        self._started: list[Running[JobResult]] = []
        for name in ("input/config", "input/data", "model", "output/data", "code"):
            (self.base / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> JobFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in self._started:
            running.close()

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
        """The variables for a job in this folder: those of this process, except any that would describe another job."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SMC_", "SAGEMAKER_"))}
        named = {} if program is None else {"SAGEMAKER_PROGRAM": program}
        return {**ours, _BASE: str(self.base), **self.variables, **named, **variables}

    def run(
        self,
        program: str | None = None,
        arguments: Sequence[str] = (),
        *,
        python: str = sys.executable,
        prefix: Sequence[str] = (),
        seconds: float = SECONDS,
        **variables: str,
    ) -> JobResult:
        """Run ``smc run`` in this folder, in a separate process, and wait until it has exited.

        Args:
            program: the entry point.
            arguments: further arguments of ``smc run``.
            python: the interpreter.
            prefix: a program, with its arguments, that starts ``smc run``.
            seconds: after this time the test fails.
            **variables: variables of the job.

        """
        command = [*prefix, python, "-m", "smc_core", "run", *arguments]
        return self.start_command(command, self.environ(program, **variables)).wait(seconds)

    def start(
        self,
        program: str | None = None,
        arguments: Sequence[str] = (),
        *,
        python: str = sys.executable,
        prefix: Sequence[str] = (),
        popen: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> Running[JobResult]:
        """Start ``smc run`` in this folder, in a separate process.

        Args:
            program: the entry point.
            arguments: further arguments of ``smc run``.
            python: the interpreter.
            prefix: a program, with its arguments, that starts ``smc run``.
            popen: further arguments of :func:`start`, such as ``{"stdin": subprocess.PIPE}``.
            **variables: variables of the job.

        """
        command = [*prefix, python, "-m", "smc_core", "run", *arguments]
        return self.start_command(command, self.environ(program, **variables), **(popen or {}))

    def start_command(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, **popen: Any
    ) -> Running[JobResult]:
        """Start a program that runs a job in this folder.

        Args:
            command: the program and its arguments.
            environ: all variables; by default those of :meth:`environ`.
            **popen: further arguments of :func:`start`.

        """
        variables = self.environ() if environ is None else environ
        running = start_with(self.result, command, variables, self.base, _BASE, popen)
        self._started.append(running)
        return running

    def processes(self) -> list[int]:
        """The ids of the living processes of jobs in this folder."""
        return sorted(process.pid for process in processes_with(_BASE, str(self.base)))

    def result(self, exit_code: int, stdout: str, stderr: str) -> JobResult:
        """How a job in this folder ended, with what it left there."""
        failure = self.base / "output/failure"
        text = failure.read_bytes().decode(errors="backslashreplace") if failure.exists() else None
        return JobResult(exit_code, stdout, stderr, text, (self.base / "output/success").exists())


def _write(folder: Path, files: Mapping[str, bytes | str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
