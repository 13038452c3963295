"""Reads what a job says about its launcher, in the same way for every plugin that provides one.

The hyperparameters are those of the SageMaker SDK's ``distribution=`` argument, as read by the classic toolkit
(``sagemaker_training/params.py``); a variable takes precedence over them.
"""

from __future__ import annotations

from collections.abc import Mapping

from smc_core import platforms
from smc_core.contract import LAUNCHER_ENV
from smc_core.derived import is_on, launchers_asked_for
from smc_core.environment import Environment
from smc_core.provenance import Source
from smc_core.settings import PROCESSES_PER_HOST

NO_LAUNCHER = "none"
"""The value of ``SMC_LAUNCHER`` that turns off a launcher that hyperparameters ask for."""


def is_switched_on(environment: Environment, param: str) -> bool:
    """Whether a platform hyperparameter is given and true.

    Args:
        environment: the Environment of the job.
        param: its name, such as ``sagemaker_mpi_enabled``.

    Raises:
        ConfigurationError: it is neither true nor false.

    """
    return is_on(environment.param(param))


def is_asked_for(launcher: str, param: str | None, environment: Environment, environ: Mapping[str, str]) -> bool:
    """Whether a job asks for a launcher: by ``SMC_LAUNCHER``, or if that is not set, by its hyperparameter.

    Args:
        launcher: name of the launcher, such as ``torchrun``.
        param: the hyperparameter that switches it on; None if there is none.
        environment: the Environment of the job.
        environ: the variables of the job.

    Raises:
        ConfigurationError: the hyperparameter is neither true nor false.

    """
    named = environ.get(LAUNCHER_ENV, "").strip().lower()
    if named:
        return named == launcher
    return param is not None and is_switched_on(environment, param)


def who_asks(environment: Environment, environ: Mapping[str, str]) -> str | None:
    """What asks for a launcher, whichever it is.

    Args:
        environment: the Environment of the job.
        environ: the variables of the job.

    Returns:
        ``variable SMC_LAUNCHER=mpi``, or ``hyperparameter sagemaker_mpi_enabled``; None where nothing does.

    """
    named = environ.get(LAUNCHER_ENV, "").strip().lower()
    if named:
        return None if named == NO_LAUNCHER else f"variable {LAUNCHER_ENV}={named}"
    return next((f"hyperparameter {name}" for name in launchers_asked_for(environment.framework_texts)), None)


def processes_per_host(environment: Environment, environ: Mapping[str, str]) -> tuple[int, Source]:
    """How many processes a launcher starts on each host, and where the number comes from.

    In order: the variable ``SMC_PROCESSES_PER_HOST``; the hyperparameter ``sagemaker_mpi_num_of_processes_per_host``
    (the classic name, for every launcher); what the platform says; one for each GPU; one.

    Args:
        environment: the Environment of the job.
        environ: the variables of the job.

    Raises:
        ConfigurationError: it is no whole number from 1 on.

    """
    texts = environment.framework_texts
    count = PROCESSES_PER_HOST.given(environ, texts)
    if count is not None:
        return count, PROCESSES_PER_HOST.source(environ, texts)
    platform = platforms.current(environ)
    if platform.processes_per_host is not None:
        return platform.processes_per_host, Source("variable", platform.sources["processes_per_host"])
    gpus = environment.gpu_count
    return (gpus, Source("rule", "GPUs of this machine")) if gpus else (1, Source("rule", "no GPU on this machine"))


def takes_part(environment: Environment) -> bool:
    """Whether this host is one of those that train together.

    Args:
        environment: the Environment of the job. Where it has instance groups, some of them may not take part.

    """
    return environment.current_host in environment.distribution_hosts
