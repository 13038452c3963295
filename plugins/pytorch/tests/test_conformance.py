"""What holds for every plugin, and for every one that saves models."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core import metadata
from smc_core.compatibility import is_installed
from smc_core.errors import PluginVersionError
from smc_core.testing import JobFolder
from smc_core.testing.conformance import PluginConformance, SaveModelConformance


class TestPlugin(PluginConformance):
    plugin = "pytorch"
    framework = "torch"

    def test_a_torch_that_is_too_old_is_an_error(self, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = metadata.version
        monkeypatch.setattr(metadata, "version", lambda name: "1.13.1" if name == "torch" else genuine(name))
        plugins = self.load()
        environment = plugins.create_environment(str(job.base))
        with pytest.raises(PluginVersionError, match=r"smc-pytorch \S+ needs torch\S+, and 1\.13\.1 is installed"):
            plugins.launch(environment, None)  # type: ignore[arg-type]  # it is not looked at


@pytest.mark.skipif(not is_installed("torch"), reason="PyTorch is not installed")
class TestSaveModel(SaveModelConformance):
    plugin = "pytorch"

    def make_model(self) -> Any:
        import torch

        return torch.nn.Linear(4, 1)
