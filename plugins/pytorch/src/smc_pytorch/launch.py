"""The command that torchrun starts in place of the plain one."""

from __future__ import annotations

import os

from smc_core.command import Command
from smc_core.contract import LAUNCHER_ENV, PROCESSES_PER_HOST_ENV
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.kit import is_installed, log_line, takes_part
from smc_pytorch.processes import LAUNCHER, processes_per_host, torchrun_is_asked_for

TORCHRUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torchrun.py")
"""The program around ``torch.distributed.run``."""


def torchrun_command(environment: Environment, command: Command) -> Command | None:
    """The command with torchrun around it, if the job asks for it and this host takes part.

    Args:
        environment: the Environment of the job.
        command: what would run without a launcher.

    Raises:
        ConfigurationError: torchrun cannot start this entry point, is not installed, or would get an invalid number.

    """
    if not torchrun_is_asked_for(environment, command.environ):
        return None
    if not takes_part(environment):
        log_line(f"{environment.current_host} runs without torchrun: its instance group does not distribute")
        return None
    if not is_installed("torch"):
        raise ConfigurationError(
            f"the job asks for torchrun, and PyTorch is not installed; pip install torch in the image, name it in "
            f"requirements.txt, or set {LAUNCHER_ENV}=none"
        )
    processes, _ = processes_per_host(environment, command.environ)
    # torchrun reads PET_NAME for an option that is not given; a platform sets some for a torchrun of its own.
    command = command._replace(
        environ={name: text for name, text in command.environ.items() if not name.startswith("PET_")}
    )
    threads = str(max(1, environment.cpu_count // processes))
    return command.as_python_under(
        [command.argv[0], TORCHRUN, *_arguments(environment, processes)],
        LAUNCHER,
        {} if command.environ.get("OMP_NUM_THREADS") else {"OMP_NUM_THREADS": threads},
    )


def _arguments(environment: Environment, processes: int) -> list[str]:
    """The arguments of torchrun. On a single host it finds a free port itself."""
    hosts = environment.distribution_hosts
    given = [f"--nproc-per-node={processes}", f"--nnodes={len(hosts)}", "--max-restarts=0"]
    if len(hosts) == 1:
        return [
            *given,
            "--rdzv-backend=c10d",
            "--rdzv-endpoint=localhost:0",
            f"--rdzv-id={environment.job_name or 'smc'}",
        ]
    return [
        *given,
        f"--node-rank={hosts.index(environment.current_host)}",
        f"--master-addr={environment.master_hostname}",
        f"--master-port={environment.master_port}",
    ]


def advise(environment: Environment, command: Command) -> None:
    """Log that hosts do not train together, or that GPUs stay idle, because nothing starts a process for each."""
    if command.launcher is not None or command.environ.get(LAUNCHER_ENV) or command.mode == "executable":
        return
    hosts = len(environment.distribution_hosts)
    if hosts > 1 and takes_part(environment):
        log_line(
            f"{hosts} hosts, and each trains for itself: {LAUNCHER_ENV}=torchrun lets them train together "
            f"({LAUNCHER_ENV}=none silences this line)"
        )
    elif environment.gpu_count > 1:
        log_line(
            f"one process, and {environment.gpu_count} GPUs: where PyTorch trains, {LAUNCHER_ENV}=torchrun starts one "
            f"for each ({PROCESSES_PER_HOST_ENV} changes how many, {LAUNCHER_ENV}=none silences this line)"
        )
