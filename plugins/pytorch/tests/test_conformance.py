"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from smc_core.errors import PluginVersionError
from smc_core.kit import is_installed
from smc_core.testing.conformance import (
    EnvironmentTests,
    JobVariablesTests,
    LaunchTests,
    PluginTests,
    SaveModelTests,
    TrainTests,
)

needs_torch = pytest.mark.skipif(not is_installed("torch"), reason="PyTorch is not installed")


class TestPlugin(PluginTests):
    plugin = "pytorch"
    framework = "torch"

    def test_a_torch_that_is_too_old_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        info = tmp_path / "torch-1.13.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.13.1\n")
        (tmp_path / "torch.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        with pytest.raises(PluginVersionError, match=r"smc-pytorch \S+ needs torch\S+, and 1\.13\.1 is installed"):
            self.load().check_installed_frameworks()


class TestEnvironment(EnvironmentTests):
    plugin = "pytorch"


class TestJobVariables(JobVariablesTests):
    plugin = "pytorch"


@needs_torch
class TestLaunch(LaunchTests):
    plugin = "pytorch"
    launcher = "torchrun"
    parameter = "sagemaker_torch_distributed_enabled"


class TestTrain(TrainTests):
    plugin = "pytorch"


@needs_torch
class TestSaveModel(SaveModelTests):
    plugin = "pytorch"

    def make_model(self) -> Any:
        import torch

        return torch.nn.Linear(4, 1)
