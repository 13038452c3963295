"""TensorFlow's cluster: which distribution a job asks for, and each host's role. Nothing here imports TensorFlow."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.kit import Ports, is_asked_for, takes_part
from smc_tensorflow.tf_config import CHIEF, PS, TF_CONFIG_ENV, WORKER, Task, read_tf_config

Strategy = Literal["mwms", "parameter-server"]
SWITCHES: dict[str, Strategy] = {
    "sagemaker_parameter_server_enabled": "parameter-server",
    "sagemaker_multi_worker_mirrored_strategy_enabled": "mwms",
}
"""Hyperparameter that the SageMaker SDK sets → the distribution that it asks for."""

WORKER_PORT = 8890
"""Port of the first worker under MultiWorkerMirroredStrategy, as in the classic toolkit."""
CHIEF_PORT = 2222
"""Port of the chief under the parameter server strategy, as in the classic toolkit."""
_USUAL_MASTER_PORT = 7777
_HERE = "localhost"


class Role(NamedTuple):
    """The role of this host in TensorFlow's cluster.

    Attributes:
        strategy: the distribution that the job asks for and this host takes part in; None if there is none.
        cluster: task name → addresses, ``host:port``; empty if there is no cluster.
        task: the task of the process that runs the user's code; None if it is not known.
    """

    strategy: Strategy | None = None
    cluster: Mapping[str, list[str]] = MappingProxyType({})
    task: Task | None = None

    @property
    def is_chief(self) -> bool:
        """Whether the task is the chief, or the first worker if no task has that name."""
        if self.task is None:
            return False
        return self.task == Task(CHIEF if CHIEF in self.cluster else WORKER, 0)

    def servers(self, host: str) -> list[Task]:
        """The tasks of a host that run in a separate process: its workers and parameter servers."""
        return [Task(kind, index) for kind in (PS, WORKER) for index in _places(self.cluster, kind, host)]


def find_role(environment: Environment, environ: Mapping[str, str]) -> Role:
    """The role of this host, from the Environment and the variables; ``TF_CONFIG`` takes precedence over all else.

    If that has a cluster but no task, the task is the one whose address has the name of this host.

    Args:
        environment: the Environment of the job.
        environ: the variables.

    Raises:
        ConfigurationError: ``TF_CONFIG`` or a switch is malformed, both distributions are switched on, or the platform
            does not say the addresses of the hosts.

    """
    strategy = asked_for(environment, environ) if takes_part(environment) else None
    text = environ.get(TF_CONFIG_ENV, "")
    if text.strip():
        cluster, task = read_tf_config(text)
        return Role(strategy, cluster, task or (strategy and _task_here(strategy, cluster, environment)))
    if strategy is None:
        return Role()
    index = environment.distribution_hosts.index(environment.current_host)
    cluster = _cluster(strategy, environment)
    chief = strategy == "parameter-server" and environment.is_master
    return Role(strategy, cluster, Task(CHIEF, 0) if chief else Task(WORKER, index))


def _task_here(strategy: Strategy, cluster: Mapping[str, list[str]], environment: Environment) -> Task | None:
    """The task of this host's process in a cluster without a task: a single ``TF_CONFIG`` can serve all hosts."""
    if strategy == "parameter-server" and environment.is_master:
        return Task(CHIEF, 0)
    own = (Task(kind, index) for kind in (CHIEF, WORKER) for index in _places(cluster, kind, environment.current_host))
    return next(own, None)


def _places(cluster: Mapping[str, list[str]], kind: str, host: str) -> list[int]:
    """The numbers of a host's tasks with one name."""
    addresses = enumerate(cluster.get(kind, []))
    return [index for index, address in addresses if address.rpartition(":")[0] in (host, _HERE)]


def asked_for(environment: Environment, environ: Mapping[str, str]) -> Strategy | None:
    """The distribution that the job asks for.

    Raises:
        ConfigurationError: both are switched on, or a switch is neither true nor false.

    """
    asked = {name: param for param, name in SWITCHES.items() if is_asked_for(name, param, environment, environ)}
    if len(asked) > 1:
        raise ConfigurationError(f"hyperparameters {' and '.join(asked.values())} are both on; switch one of them off")
    return next(iter(asked), None)


def _cluster(strategy: Strategy, environment: Environment) -> dict[str, list[str]]:
    """The cluster of a job without a ``TF_CONFIG``.

    Every task of the job has its own port: hosts that are simulated on one machine share its ports.
    """
    hosts = environment.distribution_hosts
    if len(hosts) > 1 and not environment.hosts_resolve:
        raise ConfigurationError(
            f"TensorFlow's cluster needs the address of each host, and {environment.platform} says only the master's; "
            f"set {TF_CONFIG_ENV}, or use a launcher that needs no more, such as jax"
        )
    if len(hosts) == 1:
        hosts = [_HERE]  # the name of a single host need not resolve
    if strategy == "mwms":
        first = _first_port(WORKER_PORT, len(hosts), environment)
        return {WORKER: [f"{host}:{first + index}" for index, host in enumerate(hosts)]}
    first = _first_port(CHIEF_PORT, 1 + 2 * len(hosts), environment)
    return {
        CHIEF: [f"{hosts[0]}:{first}"],
        WORKER: [f"{host}:{first + 1 + 2 * index}" for index, host in enumerate(hosts)],
        PS: [f"{host}:{first + 2 + 2 * index}" for index, host in enumerate(hosts)],
    }


def _first_port(usual: int, count: int, environment: Environment) -> int:
    """The usual port, or one after the master's port if that was chosen, so that two jobs do not collide."""
    port = environment.master_port
    return usual if port == _USUAL_MASTER_PORT else Ports.of(port).own(count)[0]
