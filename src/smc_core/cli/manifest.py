"""``smc manifest``: what an engine wants to be given, ready to pipe into its client."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from smc_core.cli.parser import command
from smc_core.manifest import ENGINES

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands

_EXPLANATION = """\
Prints what an engine wants to be given, so that it runs smc on its hosts:

  smc manifest slurm --hosts 2 train.py -c training=/data -p epochs=5 | sbatch

Submits nothing, and reads no file. Paths are those that the hosts see.
"""
_TEXTS = (
    ("--image", "I", "the container's image"),
    ("--gpu-type", "T", "type of the GPUs, as H100 (SkyPilot, Slurm)"),
    ("--memory", "M", "memory of each host, as 64G"),
    ("--name", "NAME", "name of the job (default: from the target)"),
    ("--job-dir", "DIR", "folder of the job, on a file system that all hosts share"),
    ("--role", "ARN", "role of the job (SageMaker)"),
    ("--instance-type", "TYPE", "as ml.g5.xlarge (SageMaker)"),
    ("--output", "URI", "where the results go, s3://... (SageMaker)"),
    ("--checkpoints", "URI", "where checkpoints are kept, s3://... (SageMaker)"),
)
_NUMBERS = (
    ("--hosts", "N", 1, "number of hosts (default: 1)"),
    ("--gpus", "G", 0, "GPUs of each host (default: 0)"),
    ("--cpus", "N", None, "CPUs of each host"),
    ("--time", "MINUTES", None, "time limit"),
    ("--grace", "SECONDS", 120, "time to stop in, from the stop signal (default: 120)"),
)


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "manifest", "print what an engine wants, to submit a job", _EXPLANATION)
    parser.add_argument("engine", choices=ENGINES, metavar="ENGINE", help=", ".join(ENGINES))
    parser.add_argument("target", metavar="TARGET", help="what smc run is given, as the hosts see it")
    for option, metavar, what in _TEXTS:
        parser.add_argument(option, metavar=metavar, help=what)
    for option, metavar, default, what in _NUMBERS:
        parser.add_argument(option, metavar=metavar, type=int, default=default, help=what)
    for spelling, dest, metavar, what in (
        (("-c",), "channels", "NAME=PATH", "a channel"),
        (("-p",), "hyperparameters", "NAME=VALUE", "a hyperparameter"),
        (("-e", "--env"), "variables", "NAME=VALUE", "an environment variable"),
        (("--claim",), "claims", "CLAIM=PATH", "mount a PersistentVolumeClaim there (Kubernetes)"),
    ):
        parser.add_argument(*spelling, dest=dest, action="append", metavar=metavar, help=what)


def handle(options: argparse.Namespace) -> int:
    """Print it."""
    from smc_core.manifest import write
    from smc_core.manifest.request import Request, checked, name_of, pairs

    request = Request(
        target=options.target,
        name=name_of(options.target) if options.name is None else options.name,
        hosts=options.hosts,
        gpus=options.gpus,
        gpu_type=options.gpu_type,
        cpus=options.cpus,
        memory=options.memory,
        minutes=options.time,
        grace=options.grace,
        image=options.image,
        channels=pairs(options.channels, "-c"),
        hyperparameters=pairs(options.hyperparameters, "-p"),
        variables=pairs(options.variables, "--env"),
        claims=pairs(options.claims, "--claim"),
        job_dir=options.job_dir,
        role=options.role,
        instance_type=options.instance_type,
        output=options.output,
        checkpoints=options.checkpoints,
    )
    sys.stdout.write(write(options.engine, checked(request)))
    return 0
