"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from typing import Any

from smc_core.testing.conformance import ConformanceTests


class TestPlugin(ConformanceTests):
    plugin = "pytorch"
    launcher = "torchrun"
    parameter = "sagemaker_torch_distributed_enabled"

    def make_model(self) -> Any:
        import torch

        return torch.nn.Linear(4, 1)
