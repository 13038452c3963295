"""``smc logs``: what a local job printed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from smc_core.cli.parser import command
from smc_core.errors import ConfigurationError

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands

_CHUNK = 256 * 1024


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "logs", "print what a local job printed, byte for byte")
    parser.add_argument("job", metavar="JOB", help="name of the job, or its folder")


def handle(options: argparse.Namespace) -> int:
    """Write the log of a job to stdout.

    Raises:
        ConfigurationError: there is no such job, or no log of it.
        OSError: it cannot be written.

    """
    from smc_core.local import record as records
    from smc_core.local.streams import write_all

    record = records.find(options.job)
    try:
        file = open(record.log_path, "rb")  # noqa: SIM115 - closed below; an error of writing is not one of the log
    except OSError as error:
        raise ConfigurationError(
            f"the log of the job {record.name} cannot be read: {record.log_path}: {error.strerror}; "
            "what else is kept of the job is beside it"
        ) from error
    with file:
        while data := file.read(_CHUNK):
            write_all(sys.stdout.fileno(), data)
    return 0
