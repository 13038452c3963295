"""``smc env``: the Environment of the job."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from smc_core.cli.parser import command

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare it."""
    command(commands, "env", "print the job's Environment as JSON")


def handle(_: argparse.Namespace) -> int:
    """Print it."""
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        text = environment()
    print(text)
    return 0


def environment() -> str:
    """The Environment of the job, as JSON.

    Raises:
        SmcError: it cannot be created.

    """
    from smc_core.cli.printing import masker
    from smc_core.masking import masked
    from smc_core.plugins import Plugins

    made = Plugins.load().create_environment()
    return masker(made)(json.dumps(masked(made.dict()), indent=2, default=str))
