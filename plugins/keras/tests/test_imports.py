"""What is imported when: nothing waits for Keras that does not use it."""

from __future__ import annotations

from pathlib import Path

import pytest

import smc_keras
from smc_core.testing.fixtures import RunPython

FRAMEWORKS = {"keras", "tensorflow", "jax", "torch", "numpy"}


@pytest.mark.parametrize("module", ["smc_keras", "smc_keras.plugin", "smc_keras.models"])
def test_no_framework_is_imported(module: str, run_python: RunPython) -> None:
    loaded = run_python(f"import {module}, sys; print(*sys.modules)").stdout.split()
    assert module in loaded
    assert not FRAMEWORKS & set(loaded)


def test_an_environment_is_made_without_a_validator(run_python: RunPython, tmp_path: Path) -> None:
    code = (
        "import sys; from smc_core.testing import JobFolder, PluginManager\n"
        "PluginManager(JobFolder(sys.argv[1])).register('keras').create_environment(); print(*sys.modules)"
    )
    loaded = run_python(code, tmp_path).stdout.split()
    assert "smc_keras.environment" in loaded
    assert "pydantic" not in loaded


def test_the_namespace_is_reached_through_the_core(run_python: RunPython) -> None:
    code = "import smc_core as smc, sys; print(smc.keras.__name__, *sys.modules)"
    name, *loaded = run_python(code).stdout.split()
    assert name == "smc_keras"
    assert not FRAMEWORKS & set(loaded)


def test_the_namespace_lists_its_names() -> None:
    assert dir(smc_keras) == sorted(dir(smc_keras))
    assert {"Environment", "EpochLogger", "load_model", "initialize_distribution"} <= set(dir(smc_keras))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'smc_keras' has no attribute 'Epochs'"):
        smc_keras.Epochs  # noqa: B018
