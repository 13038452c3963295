"""The Environment of a Keras job."""

from __future__ import annotations

from pydantic import Field

from smc_core.environment import Environment as CoreEnvironment
from smc_keras.backend import choose_backend


class Environment(CoreEnvironment):
    """What a Keras job knows about itself: the core's fields, and the backend."""

    backend: str | None = Field(
        default_factory=choose_backend,
        description="Keras backend: tensorflow, jax or torch; None where none is installed",
    )
