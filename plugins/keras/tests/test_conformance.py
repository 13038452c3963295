"""What holds for every plugin, and for every one that saves models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from smc_core.kit import is_installed
from smc_core.testing.conformance import PluginConformance, SaveModelConformance
from smc_keras.backend import use_backend


class TestPlugin(PluginConformance):
    plugin = "keras"
    framework = "keras"


# Keras's variables on NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.skipif(not is_installed("keras"), reason="Keras is not installed")
class TestSaveModel(SaveModelConformance):
    plugin = "keras"

    @pytest.fixture(autouse=True)
    def _variables_that_frameworks_set(self) -> Iterator[None]:
        with mock.patch.dict(os.environ):
            yield

    def make_model(self) -> Any:
        use_backend()
        import keras

        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
