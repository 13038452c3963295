"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.testing.conformance import ConformanceTests, SaveModelTests


class TestPlugin(ConformanceTests):
    plugin = "tensorflow"
    launcher = "mwms"
    parameter = "sagemaker_multi_worker_mirrored_strategy_enabled"

    def make_model(self) -> Any:
        import tensorflow as tf

        module = tf.Module()
        module.weight = tf.Variable(3.0)
        module.serve = tf.function(lambda x: x * module.weight, input_signature=[tf.TensorSpec((None,), tf.float32)])
        return module


# Keras's variables on NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
class TestKerasModelWithoutTheKerasPlugin(SaveModelTests):
    plugin = "tensorflow"

    def make_model(self) -> Any:
        import keras

        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
