"""TensorFlow for smc. In a job's code: ``import smc_core as smc``, then ``smc.tensorflow.strategy()``.

Each name is imported on first use, and TensorFlow with the first call that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smc_core.kit import lazy_exports

if TYPE_CHECKING:
    from smc_tensorflow.environment import Environment
    from smc_tensorflow.models import load_model
    from smc_tensorflow.pipes import PipeModeDataset
    from smc_tensorflow.strategies import strategy

__all__ = ["Environment", "PipeModeDataset", "load_model", "strategy"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Environment": "environment",
            "PipeModeDataset": "pipes",
            "load_model": "models",
            "strategy": "strategies",
        },
    )
