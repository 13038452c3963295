"""The Keras that is installed against the one that the plugin works with, by the metadata of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.errors import PluginVersionError
from smc_keras.framework import check_framework

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts the metadata of a distribution in front of what is installed."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, version: str, *headers: str) -> None:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    return write


def test_an_old_keras_is_refused(install: Install) -> None:
    install("keras", "2.15.0")
    with pytest.raises(PluginVersionError) as caught:
        check_framework()
    assert str(caught.value) == (
        "smc-keras 0.1.0 needs keras<4,>=3.6, and 2.15.0 is installed; "
        "pip install 'keras<4,>=3.6', or do without the plugin: SMC_DISABLE_PLUGINS=keras"
    )


@pytest.mark.parametrize("version", ["3.6.0", "3.15.0", "3.16.0.dev20260101"])
def test_a_keras_that_fits(install: Install, version: str) -> None:
    install("keras", version)
    check_framework()


def test_what_is_absent_is_not_broken(install: Install) -> None:
    install("smc-keras", "0.1.0", "Provides-Extra: framework", 'Requires-Dist: no-such>=3; extra == "framework"')
    check_framework()
