"""From a target to a supervised job: ``smc run``, and ``python -m smc_core.runner keras_container.start``.

Standard library only: this runs in the supervisor.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from smc_core.process import standard_library

    standard_library.come_first()

import os
import signal
from collections.abc import Mapping, Sequence

from smc_core.contract import (
    CODE_DIR_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    PROGRAM_ENV,
    REPORT_DIR_ENV,
    job_paths,
)
from smc_core.errors import SmcError
from smc_core.platforms import reason_file
from smc_core.process import log
from smc_core.process.outcome.files import OutcomeFiles
from smc_core.process.outcome.reason import ReasonFile
from smc_core.process.parent.supervisor import supervise
from smc_core.settings import CHANNEL

PREPARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "process", "prepare.py")


def run(
    program: str | None = None,
    *,
    module: str | None = None,
    framework: str | None = None,
    environ: Mapping[str, str] | None = None,
    hand_over_to: int | None = None,
) -> int:
    """Run one job under supervision, and return its exit code.

    Args:
        program: the user's entry point, a path; None for that of the job (``SAGEMAKER_PROGRAM``, or else the
            hyperparameter ``sagemaker_program``).
        module: the user's entry point as a module, run as by ``python -m``.
        framework: a framework's own function or module, which fetches the user's code itself.
        environ: the variables of the job, by default those of this process.
        hand_over_to: a descriptor for handing the outcome to the program that started this one; None by default.

    """
    inherited = os.environ if environ is None else environ
    variables = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **inherited}
    variables |= _absolute_channels(inherited)
    if (
        REPORT_DIR_ENV in variables
    ):  # a job that a job starts: what the command line named to that one is not for this one
        for name in (CODE_DIR_ENV, NAMED_PROGRAM_ENV, NAMED_SOURCE_ENV):
            variables.pop(name, None)
    options = []
    if program is not None:
        variables[PROGRAM_ENV] = variables[NAMED_PROGRAM_ENV] = os.path.abspath(program)
    if module is not None:
        variables[PROGRAM_ENV] = variables[NAMED_PROGRAM_ENV] = module
        options = ["--module"]
    if framework is not None:
        options = ["--framework", framework]
    command = [sys.executable, PREPARE, *options]
    base = job_paths(environ=variables).base
    return supervise(
        command, base_dir=base, environ=variables, hand_over_to=hand_over_to, held=frozenset({signal.SIGINT})
    )


def _absolute_channels(environ: Mapping[str, str]) -> dict[str, str]:
    """The channels that variables give by a relative path: the job's processes have other working folders."""
    return {
        variable: os.path.abspath(path)
        for variable, path in environ.items()
        if variable.startswith(CHANNEL.prefix) and path.strip() and "://" not in path
    }


def note_refusal(error: SmcError, *, has_folder: bool = True) -> None:
    """Say why a job could not even begin where the platform reads that, and in a failure file if its folder exists.

    Args:
        error: what is wrong with the command line.
        has_folder: whether the job would have been that of ``/opt/ml``; a local job has no folder yet.

    """
    from smc_core.process.outcome.headline import refusal

    text = refusal(error)[1]
    ReasonFile(reason_file(os.environ)).write(text)
    paths = job_paths()
    if has_folder and os.path.isdir(paths.base):
        files = OutcomeFiles(paths)
        trouble = files.begin() or files.fail(text)
        if trouble is not None:
            log.line(trouble)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m smc_core.runner TARGET``.

    Args:
        argv: the arguments, by default those of this process.

    Returns:
        The exit code of the job; 2 if the arguments are wrong.

    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(
            "usage: python -m smc_core.runner TARGET\n\n"
            "TARGET is a framework's own training function or module: keras_container.start,\n"
            "keras_container.start:train_fn. It runs under smc's supervision.",
            file=sys.stdout if arguments in (["-h"], ["--help"]) else sys.stderr,
        )
        return 0 if arguments in (["-h"], ["--help"]) else 2
    return run(framework=arguments[0])


if __name__ == "__main__":
    sys.exit(main())
