"""The Environment of a Keras job."""

from __future__ import annotations

from smc_core.environment import Environment as CoreEnvironment
from smc_core.environment import field
from smc_keras.backend import choose_backend


class Environment(CoreEnvironment):
    """What a Keras job knows about itself: the core's fields, the backend, and its place among the processes."""

    backend: str | None = field(
        "Keras backend: tensorflow, jax or torch; None where none is installed", default_factory=choose_backend
    )
    process_count: int = field("processes that the launcher jax joins, one a host; 1 without that launcher", default=1)
    process_id: int = field("number of this process among them, from 0; the primary is 0", default=0)
