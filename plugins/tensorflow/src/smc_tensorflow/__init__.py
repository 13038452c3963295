"""TensorFlow for smc. In a job's code: ``import smc_core as smc``, then ``smc.tensorflow.strategy()``.

Each name is imported when it is first used, and TensorFlow with the first call that needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smc_tensorflow.environment import Environment
    from smc_tensorflow.models import load_model
    from smc_tensorflow.pipes import PipeModeDataset
    from smc_tensorflow.strategies import strategy

__all__ = ["Environment", "PipeModeDataset", "load_model", "strategy"]

_HOMES = {
    "Environment": "environment",
    "PipeModeDataset": "pipes",
    "load_model": "models",
    "strategy": "strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
