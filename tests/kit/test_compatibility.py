"""The framework that is installed against the one that a plugin works with, by the metadata of both."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from smc_core.compatibility import Framework, check_framework, is_installed, is_used, unmet
from smc_core.errors import PluginVersionError

Install = Callable[..., None]
LOOM = Framework("loom")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts the metadata of a distribution in front of what is installed."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, version: str, *headers: str) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    write("smc-loom", "0.3", "Provides-Extra: framework", 'Requires-Dist: loom<4,>=3.6; extra == "framework"')
    return write


def test_an_old_framework_is_refused(install: Install) -> None:
    install("loom", "2.15.0")
    with pytest.raises(PluginVersionError) as caught:
        check_framework("smc-loom", "loom", LOOM)
    assert str(caught.value) == (
        "smc-loom 0.3 needs loom<4,>=3.6, and 2.15.0 is installed; "
        "pip install 'loom<4,>=3.6', or do without the plugin: SMC_DISABLE_PLUGINS=loom"
    )


@pytest.mark.parametrize(
    "version", ["3.6.0", "3.15.0", "3.16.0.dev20260101", "3.6.0a0+ecf3bae40a.nv25.1", "3.6.0rc1+cu128", "of-our-own"]
)
def test_a_framework_that_fits(install: Install, version: str) -> None:
    install("loom", version)
    check_framework("smc-loom", "loom", LOOM)


def test_an_images_own_build_is_not_to_be_replaced(install: Install) -> None:
    install("loom", "2.9.0a0+ecf3bae40a.nv25.1")
    with pytest.raises(PluginVersionError) as caught:
        check_framework("smc-loom", "loom", LOOM)
    assert str(caught.value) == (
        "smc-loom 0.3 needs loom<4,>=3.6, and 2.9.0a0+ecf3bae40a.nv25.1 is installed; "
        "take an image that has it, or do without the plugin: SMC_DISABLE_PLUGINS=loom"
    )


@pytest.mark.parametrize("name", ["loom-cpu", "intel-loom", "lm-nightly"])
def test_a_build_under_another_name_is_the_framework_too(install: Install, tmp_path: Path, name: str) -> None:
    (tmp_path / "loom").mkdir()
    (tmp_path / "loom/__init__.py").touch()
    install(name, "2.11.0")
    install("loom-hub", "0.16")  # only speaks of it
    install("loom", "3.9.0")
    (tmp_path / f"{name.replace('-', '_')}-2.11.0.dist-info/top_level.txt").write_text("loom\n")
    (tmp_path / "loom_hub-0.16.dist-info/top_level.txt").write_text("loom_hub\n")
    with pytest.raises(PluginVersionError) as caught:
        check_framework("smc-loom", "loom", LOOM)
    assert str(caught.value) == (
        f"smc-loom 0.3 needs loom<4,>=3.6, and {name} 2.11.0 is installed; "
        f"pip install '{name}<4,>=3.6', or do without the plugin: SMC_DISABLE_PLUGINS=loom"
    )


def test_only_the_requirements_of_one_extra_are_compared(install: Install, tmp_path: Path) -> None:
    with (tmp_path / "smc_loom-0.3.dist-info/METADATA").open("a") as file:
        file.write('Requires-Dist: smc-absent\nRequires-Dist: smc-gone; extra == "other"\n')
    assert [str(each) for each in unmet("smc-loom", "framework")] == ["loom<4,>=3.6 is not installed"]
    assert [str(each) for each in unmet("smc-loom")] == ["smc-absent is not installed"]


def test_what_is_absent_is_not_broken(install: Install) -> None:
    check_framework("smc-loom", "loom", LOOM)


def test_a_package_can_be_imported_and_a_bare_folder_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loom").mkdir()
    assert not is_installed("loom")
    (tmp_path / "loom/__init__.py").touch()
    assert is_installed("loom")
    assert not is_installed("not a name")


def test_a_stand_in_of_the_jobs_own_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "loom", ModuleType("loom"))
    assert not is_installed("loom")


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("import loom", True),
        ("from loom.weave import Shuttle", True),
        ("import loom.weave as w", True),
        ("import mill", False),  # which imports loom itself
        ("shuttle = 'loom'", False),
    ],
)
def test_a_package_is_used_by_code_that_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, used: bool
) -> None:
    files = {"site/loom/__init__.py": "", "site/loom/weave.py": "class Shuttle: ...", "site/mill.py": "import loom"}
    for name, text in {**files, "code/lib.py": code, "code/job.py": "import lib"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "code")
    before = set(sys.modules)
    importlib.import_module("job")
    try:
        assert is_used("loom", str(tmp_path / "code")) is used
        assert not is_used("loom", str(tmp_path / "other"))
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
