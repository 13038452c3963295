"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.testing.conformance import ConformanceTests


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestPlugin(ConformanceTests):
    plugin = "chainer"
    launcher = None

    def make_model(self) -> Any:
        import chainer

        return chainer.Sequential(chainer.links.Linear(4, 3), chainer.functions.relu, chainer.links.Linear(3, 1))
