"""Jobs of one tuning are kept apart: each gets a ``model_dir`` of its own, where they were all given one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smc_core.arguments import user_arguments
from smc_core.contract import TUNING_METRIC_PARAM
from smc_core.environment import Environment
from smc_core.hyperparameters import decode

MODEL_DIR = "model_dir"
"""The user's hyperparameter: where the script writes its checkpoints, mostly in S3. The SageMaker SDK sets it."""


def own_model_dir(environment: Environment, environ: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the Environment that change under tuning: the hyperparameter becomes ``MODEL_DIR/JOB/model``.

    As in the classic toolkit, a folder below the base directory stays: no other job sees it.

    Args:
        environment: the Environment as the core makes it.
        environ: the variables.

    """
    folder = decode(environment.hp_texts.get(MODEL_DIR, ""))
    is_tuning = TUNING_METRIC_PARAM in environment.framework_params
    if not is_tuning or not isinstance(folder, str) or not folder or environment.job_name is None:
        return {}
    if os.path.normpath(folder).startswith(os.path.join(environment.base_dir, "")):
        return {}
    own = f"{folder.rstrip('/')}/{environment.job_name}/model"
    texts = {**environment.hp_texts, MODEL_DIR: own}
    return {
        "hps": {**environment.hps, MODEL_DIR: own},
        "hp_texts": texts,
        "user_args": user_arguments(texts, environ),
    }
