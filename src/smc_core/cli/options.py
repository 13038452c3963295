"""The arguments of ``smc run`` and ``smc plan``: what is to run, and what makes it a local job."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from smc_core.contract import BASE_DIR_ENV, job_paths
from smc_core.errors import ConfigurationError

if TYPE_CHECKING:
    from smc_core.cli.parser import Parser

EXPLANATION = """\
Without options, runs the job that the folders of the contract describe (SAGEMAKER_BASE_DIR, else /opt/ml), and writes
output/success or output/failure. In a container: ENTRYPOINT ["smc", "run"]. The word "train", with which SageMaker
starts a container, may follow; a path replaces the job's entry point.

With any option of a local job, or with a TARGET where there is no container's job (SAGEMAKER_BASE_DIR is not set,
there is no /opt/ml/input/config, and this is not PID 1), creates a job folder and runs the same job in it:

  smc run train.py -c training=./data -p epochs=5 -p lr=0.1
"""


def add_target(parser: Parser) -> None:
    """Add TARGET and ``-m``."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="train | TARGET",
        help='the word "train", or a path (with a "/", or ending in .py or .sh) that replaces the job\'s entry point; '
        "for a local job a file, a folder, an archive or a URL",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module of the code, like python -m")


def add_options(parser: Parser) -> None:
    """Add what describes a local job: for ``smc run`` and ``smc plan``."""
    parser.hint = "to set a hyperparameter: smc run TARGET -p NAME=VALUE"
    group = parser.add_argument_group("a local job")
    _mark(
        parser,
        group.add_argument(
            "-c", dest="channels", action="append", metavar="NAME=PATH", help="a channel: a folder or file to link"
        ),
        group.add_argument(
            "-p",
            dest="hyperparameters",
            action="append",
            metavar="NAME=VALUE | @FILE",
            help="a hyperparameter, as text; or a JSON file of them",
        ),
        group.add_argument(
            "-e", dest="variables", action="append", metavar="NAME=VALUE", help="an environment variable for the job"
        ),
        group.add_argument("--mode", choices=("script", "function"), help="force script or function mode"),
        group.add_argument(
            "--requirements",
            action=argparse.BooleanOptionalAction,
            help="install the code's requirements (default: in a container yes, else use the environment as it is)",
        ),
        group.add_argument(
            "--venv",
            action="store_true",
            help="install them in a new virtual environment, kept for the next job with the same requirements",
        ),
        group.add_argument("--hosts", type=int, metavar="N", help="simulate N hosts (algo-1 … algo-N) on this machine"),
        group.add_argument("--name", help="name of the job (default: from target and time)"),
        group.add_argument(
            "--job-dir",
            metavar="DIR",
            help="folder of the job: new, empty, or of the same job of a platform (default: .smc/jobs/NAME)",
        ),
    )


def add_run_options(parser: Parser) -> None:
    """Add what only a job that is run can have: for ``smc run``."""
    group = parser.add_argument_group("the course of a local job")
    _mark(
        parser,
        group.add_argument(
            "--stop-after",
            metavar="TIME | REGEX",
            help="stop the job as SageMaker does (SIGTERM, grace, SIGKILL) after 30s, 5m, or a matching line of output",
        ),
        group.add_argument(
            "--resume",
            metavar="JOB",
            help="run an earlier job again with its checkpoints and options; options given now are added to these",
        ),
    )


def _mark(parser: Parser, *actions: argparse.Action) -> None:
    """Note which options make a job a local one, for :func:`is_local`."""
    parser.set_defaults(local=[*(parser.get_default("local") or ()), *actions])


def is_local(options: argparse.Namespace, wrong: str | None = None) -> bool:
    """Whether a local job is meant.

    Args:
        options: what was parsed with :func:`add_target` and :func:`add_options`.
        wrong: the option at which parsing ended, by all of its spellings (``-c``, ``--venv``).

    """
    for action in options.local:
        if getattr(options, action.dest) != action.default or "/".join(action.option_strings) == wrong:
            return True
    names_code = options.module is not None or options.target not in (None, "train", "serve")
    return names_code and not has_container_job()


def has_container_job() -> bool:
    """Whether this is a container, or a folder was named that stands for one."""
    return os.getpid() == 1 or bool(os.environ.get(BASE_DIR_ENV)) or os.path.isdir(job_paths().input_config)


def program(options: argparse.Namespace) -> str | None:
    """The path that the target names, or None for the job's own entry point.

    Raises:
        ConfigurationError: it names none.

    """
    target: str | None = options.target
    if target is None or target == "train":
        return None
    if options.module is not None:
        raise ConfigurationError(f"{target!r} and -m {options.module} both name an entry point")
    if target == "serve":
        raise ConfigurationError('smc trains and does not serve: "serve" starts an inference image')
    if "/" in target or target.endswith((".py", ".sh")):
        return target
    raise ConfigurationError(f'{target!r} is neither "train" nor a path; to run a file of that name: ./{target}')
