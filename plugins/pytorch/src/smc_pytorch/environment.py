"""The Environment of a PyTorch job: how many processes train, and which of them this one is."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from typing import Any

from smc_core.environment import Environment as CoreEnvironment
from smc_core.environment import Source, field
from smc_core.errors import ConfigurationError
from smc_core.kit import takes_part, who_asks
from smc_pytorch.processes import BACKEND, NO_GROUP, choose_backend, processes_per_host, torchrun_is_asked_for
from smc_pytorch.seeds import SEED

WORKER_VARIABLES = {
    "rank": ("RANK", "OMPI_COMM_WORLD_RANK"),
    "local_rank": ("LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "world_size": ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE"),
    "processes_per_host": ("LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    "master_port": ("MASTER_PORT",),
}
"""Field → the variable, a whole number, in which torchrun, else Open MPI, tells it to each of its processes."""


class Environment(CoreEnvironment):
    """What a PyTorch job knows about itself: the core's fields, and its place among the processes that train."""

    world_size: int = field("processes that train together, on all hosts", default=1)
    rank: int = field("number of this process among them, from 0", default=0)
    local_rank: int = field("number of this process on its host, from 0: its GPU", default=0)
    processes_per_host: int = field("processes that train on this host", default=1)
    backend: str = field("torch.distributed backend: nccl with GPUs, else gloo", default="gloo")
    master_addr: str = field("host name or address where the processes meet", default="localhost")

    @classmethod
    def own_fields(cls, environment: CoreEnvironment, environ: Mapping[str, str]) -> builtins.dict[str, Any]:
        """The fields that :func:`place` sets, for ``create``."""
        return place(environment, environ)


def get_world_size(hosts_count: int, processes_count: int) -> int:
    """The number of processes that train together.

    Args:
        hosts_count: hosts that train.
        processes_count: processes on each; 0, the number of GPUs of a machine without any, counts as one.

    """
    return hosts_count * max(processes_count, 1)


def place(environment: CoreEnvironment, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The fields of :class:`Environment` for this process, and ``sources``: where each came from.

    In a process that a launcher has started, they are the launcher's variables. Elsewhere they describe what is about
    to be started: torchrun's processes, or one per host for another launcher. Without a launcher each host trains
    alone, as its own world, unless ``SMC_TORCH_BACKEND=none`` says that the user's code joins them.

    Args:
        environment: the core's Environment.
        environ: the variables, by default those of this process.

    Raises:
        ConfigurationError: a variable or hyperparameter is malformed.

    """
    environ = os.environ if environ is None else environ
    hosts = environment.distribution_hosts
    joined = who_asks(environment, environ) is not None or BACKEND.of(environ) == NO_GROUP
    here = takes_part(environment) and joined
    processes, source = 1, Source("rule", "one process a host" if here or len(hosts) == 1 else "no launcher")
    if here and torchrun_is_asked_for(environment, environ):
        processes, source = processes_per_host(environment, environ)
    fields: dict[str, Any] = {
        "processes_per_host": processes,
        "world_size": get_world_size(len(hosts) if here else 1, processes),
        "rank": hosts.index(environment.current_host) * processes if here else 0,
        "local_rank": 0,
    }
    sources = dict.fromkeys(fields, source)
    fields["master_port"], fields["master_addr"] = environment.master_port, environment.master_hostname
    fields["backend"], sources["backend"] = choose_backend(environment.gpu_count, environ)
    sources["master_addr"] = environment.sources.get("master_hostname", Source("default"))
    for name, variables in WORKER_VARIABLES.items():
        variable = next((each for each in variables if environ.get(each)), None)
        if variable is not None:
            fields[name], sources[name] = _number(environ, variable), Source("variable", variable)
    if len(hosts) == 1 and not any(environ.get(each) for each in WORKER_VARIABLES["rank"]):
        fields["rank"] = fields["local_rank"]  # a copy that a library has started, which sets no other variable
    if environ.get("MASTER_ADDR"):
        fields["master_addr"], sources["master_addr"] = environ["MASTER_ADDR"], Source("variable", "MASTER_ADDR")
    if SEED in environment.hp_texts:
        sources[SEED] = Source("hyperparameter", SEED)  # it is used whether train() takes it or not
    return {**fields, "sources": {**environment.sources, **sources}}


def _number(environ: Mapping[str, str], variable: str) -> int:
    if not environ[variable].isdecimal():
        raise ConfigurationError(
            f"variable {variable} is {environ[variable]!r}, not a whole number; the launcher sets it: leave it unset"
        )
    return int(environ[variable])
