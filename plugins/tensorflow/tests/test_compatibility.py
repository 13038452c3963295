"""Which TensorFlow the plugin works with, whatever its build is called."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

from smc_core import Command
from smc_core.errors import PluginVersionError
from smc_core.kit import check_framework
from smc_core.testing import PluginManager
from smc_tensorflow import plugin

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lays out a distribution as pip does, in front of all others; its package is empty."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow/__init__.py").touch()

    def install(name: str, version: str) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "top_level.txt").write_text("tensorflow\n")

    return install


def check() -> None:
    check_framework("smc-tensorflow", "tensorflow", plugin.FRAMEWORK)


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "tensorflow-rocm", "intel-tensorflow", "tf-nightly"])
def test_every_build_is_known(install: Install, name: str) -> None:
    install(name, "2.20.1")
    check()


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "intel-tensorflow"])
@pytest.mark.parametrize("version", ["2.11.0", "3.0.0"])
def test_a_version_that_the_plugin_does_not_work_with(install: Install, name: str, version: str) -> None:
    install(name, version)
    with pytest.raises(PluginVersionError, match=f"needs tensorflow.*{version} is installed; pip install") as refused:
        check()
    assert f"'{name}<3,>=2.18'" in str(refused.value)
    assert "SMC_DISABLE_PLUGINS=tensorflow" in str(refused.value)


def test_a_package_that_only_speaks_of_tensorflow_is_no_build(install: Install, tmp_path: Path) -> None:
    install("tensorflow-hub", "0.16")
    (tmp_path / "tensorflow_hub-0.16.dist-info/top_level.txt").write_text("tensorflow_hub\n")
    check()


@pytest.mark.parametrize(("launcher", "refused"), [("mwms", True), ("parameter-server", True), ("none", False)])
def test_an_old_build_fails_a_job_that_the_plugin_launches_and_no_other(
    install: Install, plugin_manager: PluginManager, launcher: str, refused: bool
) -> None:
    install("tensorflow-cpu", "2.11.0")
    plugins = plugin_manager.register("tensorflow")
    with (
        pytest.raises(PluginVersionError, match=r"tensorflow-cpu 2\.11\.0 is installed")
        if refused
        else contextlib.nullcontext()
    ):
        plugins.launch(Command(("python", "train.py"), {}, "/", "script"), SMC_LAUNCHER=launcher)


@pytest.mark.parametrize(("code", "refused"), [("import tensorflow", True), ("import io", False)])
def test_an_old_build_fails_a_job_whose_code_imports_it_and_no_other(
    install: Install, plugin_manager: PluginManager, monkeypatch: pytest.MonkeyPatch, code: str, refused: bool
) -> None:
    install("tensorflow-cpu", "2.11.0")
    spec = find_spec("tensorflow")
    assert spec is not None
    monkeypatch.setitem(sys.modules, "tensorflow", module_from_spec(spec))
    plugin_manager.job.code(user_of_tensorflow_py=code)
    with (
        pytest.raises(PluginVersionError, match=r"tensorflow-cpu 2\.11\.0 is installed")
        if refused
        else contextlib.nullcontext()
    ):
        plugin_manager.register("tensorflow").load_user_module("user_of_tensorflow.py")
