"""Names of a package that are imported when they are used."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest


def test_a_name_is_imported_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lazy_lines"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from smc_core.kit import lazy_exports\n__getattr__, __dir__ = lazy_exports(__name__, {'Line': 'models'})\n"
    )
    (package / "models.py").write_text("class Line: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    lines = importlib.import_module("lazy_lines")
    assert dir(lines) == ["Line"]
    assert "lazy_lines.models" not in sys.modules
    assert lines.Line.__module__ == "lazy_lines.models"
    with pytest.raises(AttributeError, match="module 'lazy_lines' has no attribute 'Lime'"):
        lines.Lime  # noqa: B018 - the error is what is wanted
