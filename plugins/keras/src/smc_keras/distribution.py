"""Several processes, one per host: the launcher ``jax``, and the variables that it sets for a job's processes.

The process of each host uses all devices of its host. Keras reads the three ``KERAS_DISTRIBUTION_*`` variables
(``keras.distribution.initialize``); JAX 0.10 reads ``JAX_COORDINATOR_ADDRESS`` alone, and is given the other two as
arguments (``jax/_src/distributed.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from smc_core.command import Command
from smc_core.contract import LAUNCHER_ENV
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.kit import is_asked_for, is_installed, takes_part
from smc_core.setting import Choice
from smc_keras.backend import BACKEND_ENV, LAUNCHER

DATA = "data"
DISTRIBUTION = Choice(
    "SMC_KERAS_DISTRIBUTION",
    "`data`: `keras.distribution.DataParallel` over all devices, in function mode",
    (DATA,),
    group="keras",
)
"""Asks for a ``keras.distribution``."""

ADDRESS_ENV = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
PROCESSES_ENV = "KERAS_DISTRIBUTION_NUM_PROCESSES"
PROCESS_ENV = "KERAS_DISTRIBUTION_PROCESS_ID"
INTERFACES = "/sys/class/net"
"""The folder that lists this machine's network interfaces."""


def processes(environment: Environment, environ: Mapping[str, str]) -> list[str]:
    """The host of each process of the job if the launcher ``jax`` starts it; otherwise none.

    A host of an instance group that is not part of distributed training runs its code alone.
    """
    hosts = environment.distribution_hosts
    asked = is_asked_for(LAUNCHER, None, environment, environ)
    return hosts if asked and len(hosts) > 1 and takes_part(environment) else []


def launched(environment: Environment, command: Command) -> Command | None:
    """The command with the variables to find the other processes; None if the job does not ask for this launcher.

    Raises:
        ConfigurationError: JAX is not installed, or another backend is chosen for Keras.

    """
    if not is_asked_for(LAUNCHER, None, environment, command.environ) or not takes_part(environment):
        return None
    hosts = processes(environment, command.environ)
    if not hosts:
        return command.with_variables({}, LAUNCHER)  # a single process has no others to find
    if not is_installed("jax"):
        raise ConfigurationError(f"variable {LAUNCHER_ENV} is {LAUNCHER!r}, and JAX is not installed; pip install jax")
    backend = command.environ.get(BACKEND_ENV)
    if backend and backend != LAUNCHER and is_installed("keras"):
        raise ConfigurationError(
            f"variable {LAUNCHER_ENV} is {LAUNCHER!r}, and {BACKEND_ENV} is {backend!r}; "
            f"leave out {BACKEND_ENV}, or take the launcher of that backend"
        )
    return command.with_variables(_variables(environment, hosts, command.environ), LAUNCHER)


def check(environ: Mapping[str, str], backend: str | None) -> None:
    """Refuse an unknown ``SMC_KERAS_DISTRIBUTION``.

    Args:
        environ: the variables of the job.
        backend: the backend that Keras will run on; None if none is installed.

    Raises:
        ConfigurationError: the word is unknown, or the backend of Keras is not JAX.

    """
    asked = DISTRIBUTION.of(environ)
    if asked and backend and backend != "jax":
        raise ConfigurationError(
            f"variable {DISTRIBUTION} is {asked!r}, which is for the backend jax, and the job runs on {backend!r}; "
            f"set {BACKEND_ENV}=jax, or leave {DISTRIBUTION} out"
        )


def _variables(environment: Environment, hosts: list[str], given: Mapping[str, str]) -> dict[str, str]:
    address = f"{environment.master_hostname}:{environment.master_port}"
    count, number = str(len(hosts)), str(hosts.index(environment.current_host))
    defaults = {
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",  # the default of JAX 0.10; older ones had none
        "JAX_ENABLE_PREEMPTION_SERVICE": "false",  # it would catch SIGTERM, and the process would continue
    }
    if os.path.exists(os.path.join(INTERFACES, environment.network_interface_name)):
        defaults["NCCL_SOCKET_IFNAME"] = environment.network_interface_name
    return {
        **{name: text for name, text in defaults.items() if not given.get(name)},
        ADDRESS_ENV: address,
        PROCESSES_ENV: count,
        PROCESS_ENV: number,
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_NUM_PROCESSES": count,
        "JAX_PROCESS_ID": number,
        "RANK": number,
    }
