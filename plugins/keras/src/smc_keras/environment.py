"""The Environment of a Keras job."""

from __future__ import annotations

from pydantic import Field

from smc_core.environment import Environment as CoreEnvironment
from smc_keras.backend import choose_backend


class Environment(CoreEnvironment):
    """What a Keras job knows about itself: the core's fields, the backend, and its place among the processes."""

    backend: str | None = Field(
        default_factory=choose_backend,
        description="Keras backend: tensorflow, jax or torch; None where none is installed",
    )
    process_count: int = Field(
        default=1, description="processes that the launcher jax joins, one a host; 1 without that launcher"
    )
    process_id: int = Field(default=0, description="number of this process among them, from 0; the primary is 0")
