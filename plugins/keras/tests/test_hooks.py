"""The hooks in one process, without Keras: what they add, and what they leave to others."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from types import ModuleType

import pluggy
import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, PluginVersionError
from smc_core.plugins import Plugins, new_manager
from smc_core.testing import JobFolder
from smc_keras import plugin


@pytest.fixture
def manager() -> pluggy.PluginManager:
    """The core and this plugin."""
    manager = new_manager()
    manager.register(plugin, name="keras")
    manager.check_pending()
    return manager


@pytest.fixture
def hook(manager: pluggy.PluginManager) -> pluggy.HookRelay:
    """The hooks of both."""
    return manager.hook


def test_the_environment_has_the_backend(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    environment = hook.create_environment(base_dir=str(job.base))
    assert environment.backend == "torch"
    assert str(environment.sources["backend"]) == "variable KERAS_BACKEND"
    assert environment.dict()["backend"] == "torch"


def test_the_environment_says_that_the_backend_is_what_is_installed(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", {"jax"}.__contains__)
    environment = hook.create_environment(base_dir=str(job.base))
    assert (environment.backend, str(environment.sources["backend"])) == ("jax", "what is installed")


def variables(hook: pluggy.HookRelay, job: JobFolder, **environ: str) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = hook.job_variables(
        environment=Environment.create(base_dir=str(job.base)), environ=environ
    )
    return found


def test_the_job_gets_the_backend_that_its_requirements_brought(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", {"jax"}.__contains__)
    assert variables(hook, job, LANG="C") == [{"KERAS_BACKEND": "jax"}]


def test_without_a_backend_the_job_gets_none(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_keras.backend.is_installed", set().__contains__)
    assert variables(hook, job) == []


@pytest.mark.parametrize(("code", "refused"), [("import keras", True), ("import io", False)])
def test_an_unfit_keras_ends_a_job_that_imports_it_and_no_other(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch, code: str, refused: bool
) -> None:
    plugins = Plugins.load({})
    info = job.base / "site/keras-2.15.0.dist-info"
    job.code_files({"../site/keras.py": "class Model: ...", "user_of_keras.py": f"{code}\ndef train(): ..."})
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 2.15.0\n")
    monkeypatch.setattr(sys, "path", [str(job.base / "code"), str(job.base / "site"), *sys.path])
    for name in ("keras", "user_of_keras"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    environment = Environment.create(base_dir=str(job.hyperparameters(sagemaker_program="user_of_keras.py").base))
    plugins.check_installed_frameworks()
    try:
        assert plugins.hook.load_user_module(environment=environment).__name__ == "user_of_keras"
        with (
            pytest.raises(PluginVersionError, match=r"needs keras<4,>=3.6, and 2.15.0 is installed")
            if refused
            else contextlib.nullcontext()
        ):
            plugins.check_used_frameworks(str(job.base / "code"))
    finally:
        for name in ("keras", "user_of_keras"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("abc", "'seed' is 'abc', not a whole number"),
        ("1.5", "'seed' is '1.5', not a whole number"),
        ("-1", "'seed' is -1, not between 0 and 4294967295"),
        ("4294967296", "'seed' is 4294967296, not between 0 and 4294967295"),
    ],
)
def test_a_seed_that_is_none(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch, seed: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))  # as where the job's module has imported it
    environment = Environment.create(base_dir=str(job.hyperparameters(seed=seed).base))
    with pytest.raises(ConfigurationError, match=message):
        hook.train(environment=environment, module=ModuleType("user"))


def test_a_seed_of_a_job_that_has_not_imported_keras_is_left_to_others(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    module = ModuleType("user")
    module.train = lambda seed: seed  # type: ignore[attr-defined]
    environment = Environment.create(base_dir=str(job.hyperparameters(seed="any word").base))
    assert hook.train(environment=environment, module=module).model == "any word"
    assert "keras" not in sys.modules


def test_a_model_of_another_kind_is_left_to_others(hook: pluggy.HookRelay, job: JobFolder) -> None:
    environment = Environment.create(base_dir=str(job.base))
    assert hook.save_model(environment=environment, module=ModuleType("user"), model=object()) is None
