"""The Environment of a TensorFlow job."""

from __future__ import annotations

import builtins
from typing import Literal

from pydantic import Field

from smc_core.environment import Environment as CoreEnvironment


class Environment(CoreEnvironment):
    """What a TensorFlow job knows about itself: the core's fields, and this host's place in TensorFlow's cluster."""

    tf_strategy: Literal["mwms", "parameter-server"] | None = Field(
        default=None, description="distribution that the job asks for; None: none of TensorFlow's"
    )
    cluster: builtins.dict[str, list[str]] = Field(
        default_factory=builtins.dict,
        description="TF_CONFIG's cluster: task name (chief, worker, ps) → its addresses; empty without one",
    )
    task_type: str | None = Field(default=None, description="TF_CONFIG's task of this process; None without one")
    task_index: int = Field(default=0, description="its number among the tasks of that name, from 0")
    is_chief: bool = Field(
        default=True, description="whether this process is the chief: task chief, else worker 0, else the master host"
    )
