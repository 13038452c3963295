"""What holds for every plugin, and for every one that saves models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from smc_core.kit import is_installed
from smc_core.testing.conformance import PluginConformance, SaveModelConformance


class TestPlugin(PluginConformance):
    plugin = "chainer"
    framework = "chainer"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not is_installed("chainer"), reason="Chainer is not installed")
class TestSaveModel(SaveModelConformance):
    plugin = "chainer"

    @pytest.fixture(autouse=True)
    def _variables_that_frameworks_set(self) -> Iterator[None]:
        with mock.patch.dict(os.environ):
            yield

    def make_model(self) -> Any:
        import chainer

        return chainer.Sequential(chainer.links.Linear(4, 3), chainer.functions.relu, chainer.links.Linear(3, 1))
