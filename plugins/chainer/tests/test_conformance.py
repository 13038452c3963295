"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.kit import is_installed
from smc_core.testing.conformance import EnvironmentTests, PluginTests, SaveModelTests, TrainTests


class TestPlugin(PluginTests):
    plugin = "chainer"
    framework = "chainer"


class TestEnvironment(EnvironmentTests):
    plugin = "chainer"


class TestTrain(TrainTests):
    plugin = "chainer"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not is_installed("chainer"), reason="Chainer is not installed")
class TestSaveModel(SaveModelTests):
    plugin = "chainer"

    def make_model(self) -> Any:
        import chainer

        return chainer.Sequential(chainer.links.Linear(4, 3), chainer.functions.relu, chainer.links.Linear(3, 1))
