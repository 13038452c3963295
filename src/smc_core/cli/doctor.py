"""``smc doctor``: whether this machine or image can run jobs, and what to do if it cannot."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from smc_core.cli.parser import add_json, command

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "doctor", "check this machine or image, and say how to fix what is wrong")
    parser.add_argument("--index", action="store_true", help="also check that the package index can be reached")
    add_json(parser)


def handle(options: argparse.Namespace) -> int:
    """Print what was found; exit code 1 if there is a problem."""
    from smc_core.cli.checks import doctor
    from smc_core.cli.printing import show
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        text, is_well = doctor(index=options.index, as_json=options.json)
    show(text, as_json=options.json)
    return 0 if is_well else 1
