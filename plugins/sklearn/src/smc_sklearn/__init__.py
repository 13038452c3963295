"""scikit-learn for smc. In a job's code: ``import smc_core as smc``, then ``smc.sklearn.load_model(path)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smc_core.kit import lazy_exports

if TYPE_CHECKING:
    from smc_sklearn.models import load_model
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"load_model": "models"})

__all__ = ["load_model"]
