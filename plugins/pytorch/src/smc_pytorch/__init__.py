"""PyTorch for smc. In a job's code: ``import smc_core as smc``, then ``smc.pytorch.distributed_sampler(dataset)``.

Each name is imported on first use, and PyTorch only when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smc_core.kit import lazy_exports

if TYPE_CHECKING:
    from smc_pytorch.data import distributed_sampler
    from smc_pytorch.environment import Environment, get_world_size
    from smc_pytorch.group import process_group
    from smc_pytorch.models import load_model, load_state_dict

__all__ = [
    "Environment",
    "distributed_sampler",
    "get_world_size",
    "load_model",
    "load_state_dict",
    "process_group",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Environment": "environment",
            "distributed_sampler": "data",
            "get_world_size": "environment",
            "load_model": "models",
            "load_state_dict": "models",
            "process_group": "group",
        },
    )
