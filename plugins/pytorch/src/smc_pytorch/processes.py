"""What a job asks for: torchrun or not, how many processes on each host, and how they talk to each other.

The hyperparameters are those of the SageMaker SDK's ``distribution=`` argument, as the classic toolkit reads them
(``sagemaker_training/params.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import Value, raw_text

LAUNCHER_ENV = "SMC_LAUNCHER"
"""``torchrun`` switches torchrun on, ``none`` every launcher off; another value is another plugin's."""
LAUNCHER = "torchrun"
TORCH_DISTRIBUTED_PARAM = "sagemaker_torch_distributed_enabled"
PROCESSES_ENV = "SMC_PROCESSES_PER_HOST"
PROCESSES_PARAM = "sagemaker_mpi_num_of_processes_per_host"
"""The classic name, for every launcher."""
BACKEND_ENV = "SMC_TORCH_BACKEND"

_GONE = {
    "sagemaker_distributed_dataparallel_enabled": "SMDDP, AWS's own library, which smc does not bring",
    "sagemaker_pytorch_ddp_enabled": "AWS's own launcher of DDP, which smc does not bring",
    "sagemaker_pytorch_xla_multi_worker_enabled": "XRT, which PyTorch/XLA has given up",
}
"""Switches of launchers that there are no more, or not here → what they would start."""


def torchrun_is_asked_for(environment: Environment, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the job wants to be started by torchrun.

    Args:
        environment: the Environment of the job.
        environ: the variables of the job, by default those of this process.

    Raises:
        ConfigurationError: the switch is neither true nor false, or the job asks for a launcher that is gone.

    """
    named = (os.environ if environ is None else environ).get(LAUNCHER_ENV, "").strip().lower()
    if named:
        return named == LAUNCHER
    for param, what in _GONE.items():
        if _is_on(environment, param):
            raise ConfigurationError(
                f"hyperparameter {param} asks for {what}; set {TORCH_DISTRIBUTED_PARAM} to true in its place "
                f'(SageMaker SDK: distribution={{"torch_distributed": {{"enabled": True}}}})'
            )
    return _is_on(environment, TORCH_DISTRIBUTED_PARAM)


def processes_per_host(environment: Environment, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Processes that torchrun starts on this host, and where the number came from.

    In order: the variable ``SMC_PROCESSES_PER_HOST``; the hyperparameter ``sagemaker_mpi_num_of_processes_per_host``;
    one for each GPU; one.

    Args:
        environment: the Environment of the job.
        environ: the variables of the job, by default those of this process.

    Raises:
        ConfigurationError: the number is none, or there are fewer GPUs than processes that want one each.

    """
    environ = os.environ if environ is None else environ
    gpus = environment.gpu_count
    text, where = environ.get(PROCESSES_ENV, ""), f"variable {PROCESSES_ENV}"
    if not text and PROCESSES_PARAM in environment.framework_params:
        text, where = raw_text(environment.framework_params[PROCESSES_PARAM]), f"hyperparameter {PROCESSES_PARAM}"
    if not text:
        return (gpus, "GPUs of this machine") if gpus else (1, "no GPU on this machine")
    if not text.strip().isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{where} is {text!r}, not a whole number from 1 on")
    count = int(text)
    if 0 < gpus < count and choose_backend(gpus, environ)[0] == "nccl":
        raise ConfigurationError(
            f"{where} is {count}, and this host has {gpus} GPU{'s' if gpus > 1 else ''}: NCCL wants one for each "
            f"process; set it to {gpus} or less, or {BACKEND_ENV}=gloo"
        )
    return count, where


def choose_backend(gpus: int, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The backend of ``torch.distributed``, and where it came from: ``SMC_TORCH_BACKEND``; nccl with GPUs; gloo.

    Args:
        gpus: GPUs of this host.
        environ: the variables of the job, by default those of this process.

    """
    named = (os.environ if environ is None else environ).get(BACKEND_ENV)
    if named:
        return named, f"variable {BACKEND_ENV}"
    return ("nccl", "GPUs of this machine") if gpus else ("gloo", "no GPU on this machine")


def _is_on(environment: Environment, param: str) -> bool:
    value = environment.framework_params.get(param)
    return value not in (None, "") and Value(raw_text(value), param).to_bool()
