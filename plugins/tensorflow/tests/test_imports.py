"""What is imported when: nothing waits for TensorFlow that does not use it."""

from __future__ import annotations

from pathlib import Path

import pytest

import smc_tensorflow
from smc_core.testing.fixtures import RunPython

FRAMEWORKS = {"tensorflow", "keras", "numpy"}


@pytest.mark.parametrize("module", ["plugin", "models", "cluster", "strategies", "pipes", "parameter_server"])
def test_no_framework_is_imported(module: str, run_python: RunPython) -> None:
    loaded = run_python(f"import smc_tensorflow.{module}, sys; print(*sys.modules)").stdout.split()
    assert f"smc_tensorflow.{module}" in loaded
    assert not FRAMEWORKS & set(loaded)


def test_an_environment_is_made_without_a_validator(run_python: RunPython, tmp_path: Path) -> None:
    code = (
        "import sys; from smc_core.testing import JobFolder, PluginManager\n"
        "PluginManager(JobFolder(sys.argv[1])).register('tensorflow').create_environment(); print(*sys.modules)"
    )
    loaded = run_python(code, tmp_path).stdout.split()
    assert "smc_tensorflow.environment" in loaded
    assert "pydantic" not in loaded


def test_the_watching_program_stays_small(run_python: RunPython) -> None:
    loaded = run_python(
        "import smc_tensorflow.server, smc_tensorflow.parameter_server, sys; print(*sys.modules)"
    ).stdout.split()
    assert not {"pydantic", "pluggy", "requests", "psutil", "tensorflow"} & set(loaded)


def test_the_namespace_is_reached_through_the_core(run_python: RunPython) -> None:
    name, *loaded = run_python(
        "import smc_core as smc, sys; print(smc.tensorflow.__name__, *sys.modules)"
    ).stdout.split()
    assert name == "smc_tensorflow"
    assert not FRAMEWORKS & set(loaded)


def test_the_namespace_lists_its_names() -> None:
    assert dir(smc_tensorflow) == ["Environment", "PipeModeDataset", "load_model", "strategy"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'smc_tensorflow' has no attribute 'Strategy'"):
        smc_tensorflow.Strategy  # noqa: B018
