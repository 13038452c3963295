"""``smc run``: the job of a container, or a local one."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from smc_core.cli.options import EXPLANATION, add_options, add_run_options, add_target, is_local, program
from smc_core.cli.parser import command
from smc_core.errors import ConfigurationError, SmcError

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "run", "run the training job", EXPLANATION)
    parser.usage = "smc run [-h] [-m MODULE] [train | TARGET] [options of a local job]"
    add_target(parser)
    add_options(parser)
    add_run_options(parser)
    parser.refused = _refused


def handle(options: argparse.Namespace) -> int:
    """Run the job, and return its exit code."""
    from smc_core.runner import note_refusal, run

    is_of_container = not is_local(options)
    try:
        return run(program(options), module=options.module) if is_of_container else _run_locally(options)
    except SmcError as error:
        note_refusal(error, has_folder=is_of_container or os.getpid() == 1)
        raise


def _refused(error: SmcError, options: argparse.Namespace, wrong: str | None) -> None:
    from smc_core.runner import note_refusal

    note_refusal(error, has_folder=not is_local(options, wrong) or os.getpid() == 1)


def _run_locally(options: argparse.Namespace) -> int:
    from smc_core.local import job, record, request
    from smc_core.local.site import find_site, is_container
    from smc_core.local.stopping import stop_after
    from smc_core.platforms import current
    from smc_core.platforms.sagemaker import NAME as SAGEMAKER

    if os.getpid() == 1 and current(os.environ).name == SAGEMAKER:
        raise ConfigurationError(
            "the options of a local job cannot be used on SageMaker, which lays out /opt/ml itself and takes the model "
            "from it: submit channels and hyperparameters with the job, and leave the options out"
        )
    earlier = None if options.resume is None else record.find_ended(options.resume)
    before = None
    if earlier is not None:
        from smc_core.local.resume import request_of

        before = request_of(earlier, options.variables or (), os.environ)
    site = find_site(os.environ)
    asked = request.from_options(options, before, site=site, in_container=is_container(os.environ))
    return job.run(
        asked,
        name=options.name,
        job_dir=options.job_dir,
        stop=None if options.stop_after is None else stop_after(options.stop_after),
        earlier=earlier,
        site=None if asked.hosts else site,
    )
