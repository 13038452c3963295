"""The options that make a local job of ``smc run``, and how it is told from the job of a container."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from smc_core.contract import BASE_DIR_ENV, job_paths

EXPLANATION = """\
Without options, runs the job that the folders of the contract describe (SAGEMAKER_BASE_DIR, else /opt/ml), and writes
output/success or output/failure. In a container: ENTRYPOINT ["smc", "run"]. The word "train", by which SageMaker
starts a container, may follow; a path takes the place of the job's entry point.

With any option of a local job, or with a TARGET where there is no job of a container (SAGEMAKER_BASE_DIR is not set,
there is no /opt/ml/input/config, and this is not PID 1), makes a job folder of its own and runs the same job in it:

  smc run train.py -c training=./data -p epochs=5 -p lr=0.1
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what describes a local job: for ``smc run`` and ``smc plan``."""
    local = parser.add_argument_group("a local job")
    local.add_argument(
        "-c", dest="channels", action="append", metavar="NAME=PATH", help="a channel: a folder or file, linked"
    )
    local.add_argument(
        "-p",
        dest="hyperparameters",
        action="append",
        metavar="NAME=VALUE | @FILE",
        help="a hyperparameter, as text; or a JSON file of them",
    )
    local.add_argument("-e", dest="variables", action="append", metavar="NAME=VALUE", help="a variable for the job")
    local.add_argument("--mode", choices=("script", "function"), help="in place of the choice that smc makes")
    local.add_argument(
        "--requirements",
        action=argparse.BooleanOptionalAction,
        help="install what the code asks for, as in a container (default: the environment is used as it is)",
    )
    local.add_argument(
        "--venv",
        action="store_true",
        help="a fresh virtual environment with what the code asks for, kept for the next job that asks for the same",
    )
    local.add_argument(
        "--hosts", type=int, metavar="N", help="so many hosts on this machine, algo-1 to algo-N, each a job of its own"
    )
    local.add_argument("--name", help="name of the job (default: from target and time)")
    local.add_argument("--job-dir", metavar="DIR", help="folder of the job, new or empty (default: .smc/jobs/NAME)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a job that is run can have: for ``smc run``."""
    local = parser.add_argument_group("the course of a local job")
    local.add_argument(
        "--stop-after",
        metavar="TIME | REGEX",
        help="after 30s, 5m, or a line of output that matches, stop the job as SageMaker does: SIGTERM, grace, SIGKILL",
    )
    local.add_argument(
        "--resume",
        metavar="JOB",
        help="start an earlier job again with its checkpoints, its options and those that are given anew",
    )


LOCAL = (
    *("channels", "hyperparameters", "variables", "mode", "requirements", "venv", "hosts", "name", "job_dir"),
    *("stop_after", "resume"),
)
"""The options, by their names, each of which makes a local job."""


def names_local(arguments: Sequence[str]) -> bool:
    """Whether arguments that could not be parsed are about a local job."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    add_run_options(parser)
    flags = [flag for action in parser._actions for flag in action.option_strings]
    return any(each.partition("=")[0] in flags or each[:2] in flags for each in arguments)


def is_local(options: argparse.Namespace) -> bool:
    """Whether a local job is meant.

    Args:
        options: what was parsed: those of :func:`add_options`, ``target`` and ``module``.

    """
    given = {name: getattr(options, name, None) for name in LOCAL}
    if any(value is not None and (value is not False or name == "requirements") for name, value in given.items()):
        return True
    names_code = options.module is not None or options.target not in (None, "train", "serve")
    return names_code and not has_container_job()


def has_container_job() -> bool:
    """Whether this is a container, or a folder was named that stands for one."""
    return os.getpid() == 1 or bool(os.environ.get(BASE_DIR_ENV)) or os.path.isdir(job_paths().input_config)
