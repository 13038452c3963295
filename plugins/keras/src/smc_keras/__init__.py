"""Keras for smc. In a job's code: ``import smc_core as smc``, then ``smc.keras.EpochLogger()``.

Each name is imported on first use, and Keras only with a name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smc_core.kit import lazy_exports

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

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Environment": "environment",
            "EpochLogger": "callbacks",
            "backup_and_restore": "callbacks",
            "data_parallel": "multihost",
            "gather": "multihost",
            "initialize_distribution": "multihost",
            "load_model": "models",
            "own_part": "multihost",
        },
    )
