"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.testing.conformance import (
    EnvironmentTests,
    JobVariablesTests,
    LaunchTests,
    PluginTests,
    SaveModelTests,
    TrainTests,
)


class TestPlugin(PluginTests):
    plugin = "tensorflow"
    framework = "tensorflow"


class TestEnvironment(EnvironmentTests):
    plugin = "tensorflow"


class TestJobVariables(JobVariablesTests):
    plugin = "tensorflow"


class TestLaunch(LaunchTests):
    plugin = "tensorflow"
    launcher = "mwms"
    parameter = "sagemaker_multi_worker_mirrored_strategy_enabled"


class TestTrain(TrainTests):
    plugin = "tensorflow"


class _Saves(SaveModelTests):
    plugin = "tensorflow"

    @pytest.fixture(autouse=True)
    def _tensorflow(self, tf: Any) -> None:
        """TensorFlow is installed, and its variables are not left to other tests."""


class TestModule(_Saves):
    def make_model(self) -> Any:
        import tensorflow as tf

        class Model(tf.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                self.weight = tf.Variable(3.0)

            @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])  # type: ignore[untyped-decorator]
            def __call__(self, x: Any) -> Any:
                return x * self.weight

        return Model()


# Keras's variables on NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
class TestKerasModelWithoutTheKerasPlugin(_Saves):
    def make_model(self) -> Any:
        import keras

        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
