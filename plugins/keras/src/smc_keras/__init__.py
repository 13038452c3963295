"""Keras for smc. In a job's code: ``import smc_core as smc``, then ``smc.keras.EpochLogger()``.

Each name is imported when it is first used, and Keras with those that need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smc_keras.callbacks import EpochLogger, backup_and_restore
    from smc_keras.environment import Environment
    from smc_keras.models import load_model
    from smc_keras.multihost import data_parallel, gather, initialize_distribution, own_part

__all__ = [
    "Environment",
    "EpochLogger",
    "backup_and_restore",
    "data_parallel",
    "gather",
    "initialize_distribution",
    "load_model",
    "own_part",
]

_HOMES = {
    "Environment": "environment",
    "EpochLogger": "callbacks",
    "backup_and_restore": "callbacks",
    "data_parallel": "multihost",
    "gather": "multihost",
    "initialize_distribution": "multihost",
    "load_model": "models",
    "own_part": "multihost",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
