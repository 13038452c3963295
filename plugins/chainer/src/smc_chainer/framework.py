"""Imports Chainer on first use, and only in a version that works."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from smc_core.kit import Framework, check_framework, is_installed

CHAINER = Framework("chainer", needed=("always",))
"""What this plugin adapts. NumPy is looked at too, but not in an image without Chainer: there it is somebody else's."""


def chainer_module(name: str, wanted_for: str) -> ModuleType:
    """A module of Chainer's.

    Args:
        name: such as ``chainer.functions``.
        wanted_for: what it is needed for; the error names it.

    Raises:
        ModuleNotFoundError: Chainer is not installed.
        PluginVersionError: the installed version does not work with the plugin, or with the installed NumPy.

    """
    if not is_installed("chainer"):
        raise ModuleNotFoundError(
            f"{wanted_for} needs Chainer, which is not installed: pip install 'smc-chainer[framework]'", name="chainer"
        )
    check_framework("smc-chainer", "chainer", CHAINER)
    return import_module(name)


def function(name: str) -> Any:
    """The function of ``chainer.functions`` that has this name.

    Raises:
        AttributeError: there is no such function (Python names the nearest, from ``dir``).
        ModuleNotFoundError: Chainer is not installed.
        PluginVersionError: the installed version does not work.

    """
    functions = chainer_module("chainer.functions", f"smc.chainer.{name}")
    found = getattr(functions, name, None)
    if callable(found):
        return found
    raise AttributeError(f"neither smc.chainer nor chainer.functions has {name!r}")


def function_names() -> list[str]:
    """The names of all functions of ``chainer.functions``; none if Chainer is not installed."""
    if not is_installed("chainer"):
        return []
    functions = chainer_module("chainer.functions", "smc.chainer")
    return [name for name in dir(functions) if not name.startswith("_") and callable(getattr(functions, name))]
