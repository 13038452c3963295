"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

from smc_core.testing.conformance import ConformanceTests


class TestPlugin(ConformanceTests):
    plugin = "mpi"
    framework = "mpi4py"
    parameter = "sagemaker_mpi_enabled"
    programs = ("mpirun",)
