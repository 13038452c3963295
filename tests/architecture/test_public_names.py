"""The public names: a change here is a change that users see, and belongs in CHANGELOG.md."""

from __future__ import annotations

import importlib
import inspect

import pytest

import smc_core

PUBLIC = {
    "smc_core": [],
}


def test_the_package() -> None:
    assert sorted(smc_core.__all__) == PUBLIC["smc_core"]
