"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.kit import is_installed
from smc_core.testing.conformance import (
    EnvironmentTests,
    JobVariablesTests,
    LaunchTests,
    PluginTests,
    SaveModelTests,
    TrainTests,
)
from smc_keras.backend import use_backend


class TestPlugin(PluginTests):
    plugin = "keras"
    framework = "keras"


class TestEnvironment(EnvironmentTests):
    plugin = "keras"


class TestJobVariables(JobVariablesTests):
    plugin = "keras"


class TestLaunch(LaunchTests):
    plugin = "keras"
    launcher = "jax"


class TestTrain(TrainTests):
    plugin = "keras"


# Keras's variables on NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.skipif(not is_installed("keras"), reason="Keras is not installed")
class TestSaveModel(SaveModelTests):
    plugin = "keras"

    def make_model(self) -> Any:
        use_backend()
        import keras

        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
