"""The Environment of a TensorFlow job."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from typing import Any, Literal

from smc_core.environment import Environment as CoreEnvironment
from smc_core.environment import Source, field
from smc_tensorflow.cluster import find_role
from smc_tensorflow.tf_config import TF_CONFIG_ENV
from smc_tensorflow.tuning import own_model_dir


class Environment(CoreEnvironment):
    """What a TensorFlow job knows about itself: the core's fields, and this host's place in TensorFlow's cluster."""

    tf_strategy: Literal["mwms", "parameter-server"] | None = field(
        "distribution that the job asks for; None: none of TensorFlow's", default=None
    )
    cluster: builtins.dict[str, list[str]] = field(
        "TF_CONFIG's cluster: task name (chief, worker, ps) → its addresses; empty without one",
        default_factory=builtins.dict,
    )
    task_type: str | None = field("TF_CONFIG's task of this process; None without one", default=None)
    task_index: int = field("its number among the tasks of that name, from 0", default=0)
    is_chief: bool = field(
        "whether this process is the chief: task chief, else worker 0, else the master host", default=True
    )

    @classmethod
    def own_fields(cls, environment: CoreEnvironment, environ: Mapping[str, str]) -> builtins.dict[str, Any]:
        """The fields that :func:`place` sets, for ``create``."""
        return place(environment, environ)


def place(environment: CoreEnvironment, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The fields of :class:`Environment` for this process, those of the core that change, and the source of each.

    Args:
        environment: the core's Environment.
        environ: the variables, by default those of this process.

    Raises:
        ConfigurationError: a variable or hyperparameter is malformed.

    """
    environ = os.environ if environ is None else environ
    role = find_role(environment, environ)
    named = environ.get(TF_CONFIG_ENV)
    source = Source("variable", TF_CONFIG_ENV) if named else Source("rule", "the hosts and the launcher")
    fields = {
        "tf_strategy": role.strategy,
        "cluster": dict(role.cluster),
        "task_type": role.task.type if role.task else None,
        "task_index": role.task.number if role.task else 0,
        "is_chief": role.is_chief if role.task else environment.is_master,
    }
    sources = {**environment.sources, **dict.fromkeys(fields, source)}
    return {**fields, **own_model_dir(environment), "sources": sources}
