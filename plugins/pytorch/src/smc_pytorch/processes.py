"""What a job asks for: torchrun or not, how many processes on each host, and how they communicate."""

from __future__ import annotations

import os
from collections.abc import Mapping

from smc_core.contract import LAUNCHER_ENV
from smc_core.environment import Environment, Source
from smc_core.errors import ConfigurationError
from smc_core.kit import is_asked_for, is_switched_on
from smc_core.kit import processes_per_host as asked_per_host
from smc_core.setting import Text

LAUNCHER = "torchrun"
TORCH_DISTRIBUTED_PARAM = "sagemaker_torch_distributed_enabled"
BACKEND = Text(
    "SMC_TORCH_BACKEND",
    "backend of the process group; `none` leaves `init_process_group` to the job's code",
    absent="`nccl` with GPUs, else `gloo`",
    group="pytorch",
)
NO_GROUP = "none"
"""The value of it that leaves the process group to the user's code."""

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
        ConfigurationError: the switch is neither true nor false, or the job asks for a launcher that no longer exists.

    """
    environ = os.environ if environ is None else environ
    for param, what in _GONE.items():
        if not environ.get(LAUNCHER_ENV) and is_switched_on(environment, param):
            raise ConfigurationError(
                f"hyperparameter {param} asks for {what}; set {TORCH_DISTRIBUTED_PARAM} to true in its place "
                f'(SageMaker SDK: distribution={{"torch_distributed": {{"enabled": True}}}})'
            )
    return is_asked_for(LAUNCHER, TORCH_DISTRIBUTED_PARAM, environment, environ)


def processes_per_host(environment: Environment, environ: Mapping[str, str] | None = None) -> tuple[int, Source]:
    """The number of processes that torchrun starts on this host, and its source.

    Args:
        environment: the Environment of the job.
        environ: the variables of the job, by default those of this process.

    Raises:
        ConfigurationError: it is not a number, or there are fewer GPUs than processes that need one each.

    """
    environ = os.environ if environ is None else environ
    gpus = environment.gpu_count
    count, where = asked_per_host(environment, environ)
    if 0 < gpus < count and choose_backend(gpus, environ)[0] == "nccl":
        raise ConfigurationError(
            f"{where.kind} {where.name} is {count}, and this host has {gpus} GPU{'s' if gpus > 1 else ''}: NCCL wants "
            f"one for each process; set it to {gpus} or less, or {BACKEND}=gloo"
        )
    return count, where


def choose_backend(gpus: int, environ: Mapping[str, str] | None = None) -> tuple[str, Source]:
    """The backend of ``torch.distributed``, and its source: ``SMC_TORCH_BACKEND``; else nccl with GPUs; else gloo.

    Args:
        gpus: GPUs of this host.
        environ: the variables of the job, by default those of this process.

    """
    named = BACKEND.of(os.environ if environ is None else environ)
    if named:
        return named, Source("variable", BACKEND.name)
    if gpus:
        return "nccl", Source("rule", "GPUs of this machine")
    return "gloo", Source("rule", "no GPU on this machine")


def check_backend(backend: str) -> None:
    """Check that this PyTorch has a backend before the processes wait for each other with it.

    Args:
        backend: as ``init_process_group`` takes it: ``gloo``, ``cpu:gloo,cuda:nccl``.

    Raises:
        ConfigurationError: it does not have the backend, or the backend needs GPUs and there are none.

    """
    import torch
    import torch.distributed as dist

    for part in backend.split(","):
        name = part.rpartition(":")[2].strip().lower()
        if not dist.is_backend_available(name):
            raise ConfigurationError(
                f"{BACKEND} is {backend!r}, and PyTorch {torch.__version__} has no backend {name!r} here; "
                f"leave it unset, or set it to gloo, to nccl with GPUs, or to {NO_GROUP}"
            )
        if name == "nccl" and not torch.cuda.is_available():
            raise ConfigurationError(
                f"{BACKEND} is {backend!r}, and PyTorch {torch.__version__} finds no GPU here (CUDA); "
                "set it to gloo, or run on GPUs: docker run --gpus all"
            )
