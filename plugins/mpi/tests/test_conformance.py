"""What holds for every plugin, and for each hook that this one answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smc_core.testing.conformance import EnvironmentTests, LaunchTests, PluginTests


class TestPlugin(PluginTests):
    plugin = "mpi"
    framework = "mpi4py"


class TestEnvironment(EnvironmentTests):
    plugin = "mpi"


class TestLaunch(LaunchTests):
    plugin = "mpi"
    launcher = "mpi"
    parameter = "sagemaker_mpi_enabled"

    @pytest.fixture(autouse=True)
    def _mpirun(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "bin/mpirun"
        program.parent.mkdir()
        program.touch(mode=0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
