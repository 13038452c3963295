"""What smc does for scikit-learn: this plugin's hooks.

Nothing here imports scikit-learn before the job's own code does.
"""

from __future__ import annotations

import sys
from typing import Any

from smc_core import hookimpl
from smc_core.environment import Environment
from smc_core.kit import Framework

FRAMEWORK = Framework("sklearn")

_OTHERS = frozenset({"keras", "scikeras", "skorch", "tensorflow", "torch", "xgboost"})
"""Frameworks whose wrappers are estimators too. What trains inside them is saved by the framework's own plugin: its
format outlives a pickle, and plugins are asked in the order of their names, so this one often before theirs."""


def is_own(model: Any) -> bool:
    """Whether a model is an estimator of scikit-learn or of the job's own code, fitted or not."""
    base = getattr(sys.modules.get("sklearn.base"), "BaseEstimator", ())  # never imported, so there can be no estimator
    return isinstance(model, base) and not any(
        each.__module__.partition(".")[0] in _OTHERS for each in type(model).__mro__
    )


@hookimpl
def save_model(environment: Environment, model: Any) -> str | None:
    """Save an estimator or a pipeline, as ``model.skops`` or ``model.joblib``."""
    if not is_own(model):
        return None
    from smc_sklearn import models

    return models.save(model, environment.model_dir) if environment.is_primary else environment.model_dir


@hookimpl
def keep_model(model: Any, path: str) -> str | None:
    """Keep the parts of an estimator that can be pickled."""
    if not is_own(model):
        return None
    from smc_sklearn import models

    return models.keep(model, f"{path}.joblib")
