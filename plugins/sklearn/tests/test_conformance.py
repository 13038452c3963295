"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.kit import is_installed
from smc_core.testing.conformance import EnvironmentTests, PluginTests, SaveModelTests


class TestPlugin(PluginTests):
    plugin = "sklearn"
    framework = "sklearn"


class TestEnvironment(EnvironmentTests):
    plugin = "sklearn"


@pytest.mark.skipif(not is_installed("sklearn"), reason="scikit-learn is not installed")
class TestSaveModel(SaveModelTests):
    plugin = "sklearn"

    def make_model(self) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
