"""Keeps the jobs of one tuning job apart: each gets its own ``model_dir``, although all were given the same."""

from __future__ import annotations

import os
from typing import Any

from smc_core.contract import TUNING_METRIC_PARAM
from smc_core.environment import Environment

MODEL_DIR = "model_dir"
"""The user's hyperparameter: where the script writes its checkpoints, mostly in S3. The SageMaker SDK sets it."""


def own_model_dir(environment: Environment) -> dict[str, Any]:
    """The field of the Environment that changes under tuning: the hyperparameter becomes ``MODEL_DIR/JOB/model``.

    As in the classic toolkit, a folder below the base directory is kept: no other job sees it.

    Args:
        environment: the Environment as the core creates it.

    """
    folder = environment.hps.get(MODEL_DIR)
    is_tuning = TUNING_METRIC_PARAM in environment.framework_params
    if not is_tuning or not isinstance(folder, str) or not folder or environment.job_name is None:
        return {}
    if os.path.normpath(folder).startswith(os.path.join(environment.base_dir, "")):
        return {}
    own = f"{folder.rstrip('/')}/{environment.job_name}/model"
    return {"hp_texts": {**environment.hp_texts, MODEL_DIR: own}}
