"""The hooks in one process, without Keras: what they add, and what they leave to others."""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType

import pytest

from smc_core.errors import ConfigurationError, PluginVersionError
from smc_core.testing import PluginManager


@pytest.fixture
def plugins(plugin_manager: PluginManager) -> PluginManager:
    """The core and this plugin."""
    return plugin_manager.register("keras")


def test_the_environment_has_the_backend(plugins: PluginManager) -> None:
    environment = plugins.create_environment(KERAS_BACKEND="torch")
    assert environment.backend == "torch"
    assert str(environment.sources["backend"]) == "variable KERAS_BACKEND"
    assert environment.dict()["backend"] == "torch"


def test_the_environment_says_that_the_backend_is_what_is_installed(
    plugins: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", {"jax"}.__contains__)
    environment = plugins.create_environment()
    assert (environment.backend, str(environment.sources["backend"])) == ("jax", "what is installed")


def test_the_job_gets_the_backend_that_its_requirements_brought(
    plugins: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", {"jax"}.__contains__)
    assert plugins.job_variables() == {"KERAS_BACKEND": "jax"}


def test_without_a_backend_the_job_gets_none(plugins: PluginManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", set().__contains__)
    assert plugins.job_variables() == {}


@pytest.mark.parametrize(("code", "refused"), [("import keras", True), ("import io", False)])
def test_an_unfit_keras_ends_a_job_that_imports_it_and_no_other(
    plugins: PluginManager, monkeypatch: pytest.MonkeyPatch, code: str, refused: bool
) -> None:
    job = plugins.job
    info = job.base / "site/keras-2.15.0.dist-info"
    job.code_files({"../site/keras.py": "class Model: ...", "user_of_keras.py": f"{code}\ndef train(): ..."})
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 2.15.0\n")
    monkeypatch.syspath_prepend(job.base / "site")
    monkeypatch.setitem(sys.modules, "keras", None)  # restored after the test
    monkeypatch.delitem(sys.modules, "keras")
    assert plugins.launch("user_of_keras.py").launcher is None
    with (
        pytest.raises(PluginVersionError, match=r"needs keras<4,>=3.6, and 2.15.0 is installed")
        if refused
        else contextlib.nullcontext()
    ):
        plugins.load_user_module("user_of_keras.py")


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("abc", "'seed' is 'abc', not a whole number"),
        ("1.5", "'seed' is '1.5', not a whole number"),
        ("-1", "'seed' is -1, not between 0 and 4294967295"),
        ("4294967296", "'seed' is 4294967296, not between 0 and 4294967295"),
    ],
)
def test_a_seed_that_is_none(plugins: PluginManager, monkeypatch: pytest.MonkeyPatch, seed: str, message: str) -> None:
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))  # as where the job's module has imported it
    plugins.job.hyperparameters(seed=seed)
    with pytest.raises(ConfigurationError, match=message):
        plugins.train(lambda: None)


def test_a_seed_of_a_job_that_has_not_imported_keras_is_left_to_others(
    plugins: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    plugins.job.hyperparameters(seed="any word")
    assert plugins.train(lambda seed: seed).model == "any word"
    assert "keras" not in sys.modules


def test_a_model_of_another_kind_is_left_to_others(plugins: PluginManager) -> None:
    assert plugins.save_model(object()) is None
