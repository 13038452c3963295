"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.testing.conformance import ConformanceTests
from smc_keras.backend import use_backend


# Keras's variables on NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
class TestPlugin(ConformanceTests):
    plugin = "keras"
    launcher = "jax"

    def make_model(self) -> Any:
        use_backend()
        import keras

        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
