"""What is imported when: nothing waits for PyTorch that does not use it."""

from __future__ import annotations

from pathlib import Path

import pytest

import smc_pytorch
from smc_core.testing.fixtures import RunPython

FRAMEWORKS = {"torch", "numpy", "safetensors", "keras"}
MODULES = [
    "smc_pytorch",
    *(f"smc_pytorch.{name}" for name in ("plugin", "group", "absent", "models", "data", "torchrun", "deaths")),
]


def test_no_framework_is_imported(run_python: RunPython) -> None:
    loaded = run_python(f"import sys, {', '.join(MODULES)}; print(*sys.modules)").stdout.split()
    assert set(MODULES) < set(loaded)
    assert not FRAMEWORKS & set(loaded)


def test_an_environment_is_made_without_a_validator(run_python: RunPython, tmp_path: Path) -> None:
    code = (
        "import sys; from smc_core.testing import JobFolder, PluginManager\n"
        "PluginManager(JobFolder(sys.argv[1])).register('pytorch').create_environment(); print(*sys.modules)"
    )
    loaded = run_python(code, tmp_path).stdout.split()
    assert "smc_pytorch.environment" in loaded
    assert "pydantic" not in loaded


def test_the_namespace_is_reached_through_the_core(run_python: RunPython) -> None:
    code = "import smc_core as smc, sys; print(smc.pytorch.get_world_size(2, 4), *sys.modules)"
    size, *loaded = run_python(code).stdout.split()
    assert size == "8"
    assert not FRAMEWORKS & set(loaded)


def test_every_name_is_there() -> None:
    assert all(getattr(smc_pytorch, name) is not None for name in dir(smc_pytorch))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'smc_pytorch' has no attribute 'Trainer'"):
        smc_pytorch.Trainer  # noqa: B018
