"""What smc does for MPI: one hook, the launcher."""

from __future__ import annotations

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment
from smc_mpi.launch import mpirun_command


@hookimpl
def launch(environment: Environment, command: Command) -> Command | None:
    """Start the command with ``mpirun`` if the job asks for that."""
    return mpirun_command(environment, command)
