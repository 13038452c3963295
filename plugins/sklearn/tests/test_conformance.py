"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

from smc_core.testing.conformance import ConformanceTests


class TestPlugin(ConformanceTests):
    plugin = "sklearn"

    def make_model(self) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
