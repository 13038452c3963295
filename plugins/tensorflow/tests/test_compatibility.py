"""Which TensorFlow the plugin works with, whatever its build is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.errors import PluginVersionError
from smc_tensorflow.compatibility import builds, check_tensorflow


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
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


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "tensorflow-rocm", "intel-tensorflow", "tf-nightly"])
def test_every_build_is_known(install: Callable[[str, str], None], name: str) -> None:
    install(name, "2.20.1")
    assert builds() == [(name, "2.20.1")]
    check_tensorflow()


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "intel-tensorflow"])
@pytest.mark.parametrize("version", ["2.11.0", "3.0.0"])
def test_a_version_that_the_plugin_does_not_work_with(
    install: Callable[[str, str], None], name: str, version: str
) -> None:
    install(name, version)
    with pytest.raises(PluginVersionError, match=f"needs tensorflow.*{version} is installed; pip install") as refused:
        check_tensorflow()
    assert f"'{name}<3,>=2.18'" in str(refused.value)
    assert "SMC_DISABLE_PLUGINS=tensorflow" in str(refused.value)


def test_a_package_that_only_speaks_of_tensorflow_is_no_build(
    install: Callable[[str, str], None], tmp_path: Path
) -> None:
    install("tensorflow-hub", "0.16")
    (tmp_path / "tensorflow_hub-0.16.dist-info/top_level.txt").write_text("tensorflow_hub\n")
    assert builds() == []
    check_tensorflow()


def test_an_image_without_tensorflow_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smc_tensorflow.compatibility.find_spec", lambda name: None)
    assert builds() == []
