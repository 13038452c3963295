"""The Environment of a Chainer job."""

from __future__ import annotations

from smc_core.environment import Environment as CoreEnvironment
from smc_core.environment import Source, field
from smc_core.errors import ConfigurationError

USE_MPI_PARAM = "sagemaker_use_mpi"
SLOTS_PARAM = "sagemaker_process_slots_per_host"
PROCESSES_PARAM = "sagemaker_num_processes"
MPI_OPTIONS_PARAM = "sagemaker_additional_mpi_options"


class Environment(CoreEnvironment):
    """What a Chainer job knows about itself: the core's fields, and the settings with which ChainerMN is started.

    Names, hyperparameters and defaults are those of the classic container, ``sagemaker-chainer-container``
    (``training.py``, ``train`` and ``_get_mpi_command``), except that it always used MPI on several hosts.
    """

    use_mpi: bool = field("whether the job asks for MPI: sagemaker_use_mpi, default False", default=False)
    process_slots_per_host: int = field(
        "processes on each host: sagemaker_process_slots_per_host, default one a GPU, at least 1", default=1
    )
    num_processes: int = field(
        "processes of the whole job: sagemaker_num_processes, default process_slots_per_host on every host", default=1
    )
    additional_mpi_options: str = field(
        "further options of mpirun: sagemaker_additional_mpi_options, default none", default=""
    )


def extend(environment: CoreEnvironment) -> Environment:
    """The Environment with the settings for ChainerMN.

    Raises:
        ConfigurationError: one of the hyperparameters is malformed.

    """
    use_mpi = environment.param(USE_MPI_PARAM)
    slots = _count(environment, SLOTS_PARAM, max(environment.gpu_count, 1))
    fields = {
        "use_mpi": use_mpi is not None and use_mpi.to_bool(),
        "process_slots_per_host": slots,
        "num_processes": _count(environment, PROCESSES_PARAM, slots * len(environment.hosts)),
        "additional_mpi_options": str(environment.param(MPI_OPTIONS_PARAM) or ""),
    }
    return environment.extend(Environment, **fields, sources={**environment.sources, **_sources(environment)})


def _count(environment: CoreEnvironment, name: str, default: int) -> int:
    given = environment.param(name)
    count = default if given is None else given.to_int()
    if count < 1:
        raise ConfigurationError(f"hyperparameter {name!r} is {count}, and a job has at least 1 process")
    return count


def _sources(environment: CoreEnvironment) -> dict[str, Source]:
    """Where each field came from, for ``smc env``."""
    params = {
        "use_mpi": USE_MPI_PARAM,
        "process_slots_per_host": SLOTS_PARAM,
        "num_processes": PROCESSES_PARAM,
        "additional_mpi_options": MPI_OPTIONS_PARAM,
    }
    return {
        field: Source("default") if environment.param(param) is None else Source("hyperparameter", param)
        for field, param in params.items()
    }
