"""What holds for every plugin, and for every one that saves models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from smc_core.testing.conformance import PluginConformance, SaveModelConformance


class TestPlugin(PluginConformance):
    plugin = "tensorflow"
    framework = "tensorflow"


class _Saves(SaveModelConformance):
    plugin = "tensorflow"

    @pytest.fixture(autouse=True)
    def _variables_that_frameworks_set(self, tf: Any) -> Iterator[None]:
        with mock.patch.dict(os.environ):
            yield


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
