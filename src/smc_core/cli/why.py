"""``smc why``: a value, where it came from, and what else was considered."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from smc_core.cli.parser import add_json, command
from smc_core.errors import ConfigurationError

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare it. ``smc why --epochs`` asks for the argument of that name."""
    parser = command(commands, "why", "say where a value comes from, and what else was considered")
    parser.usage = "smc why [-h] [--job JOB] [--json] NAME"
    parser.allow_abbrev = False  # --jo is a NAME too
    parser.dashed = "name"
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a variable, an argument, a hyperparameter, a field or a setting"
    )
    parser.add_argument("--job", metavar="JOB", help="a local job, by name or folder, instead of the container's")
    add_json(parser)


def handle(options: argparse.Namespace) -> int:
    """Print it."""
    if options.name is None:
        raise ConfigurationError("smc why needs a NAME, such as SM_NUM_CPUS or --epochs (see smc why --help)")
    from smc_core.cli.answers import why
    from smc_core.cli.printing import show
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with _job(options.job):
        with stdout_to_stderr():
            text = why(options.name.lstrip("-"), as_json=options.json)
        show(text, as_json=options.json)
    return 0


def _job(name: str | None) -> contextlib.AbstractContextManager[object]:
    if name is None:
        return contextlib.nullcontext()
    from smc_core.local import job, record

    return job.entered(record.find(name))
