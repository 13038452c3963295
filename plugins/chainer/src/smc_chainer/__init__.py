"""Chainer for smc. In a job's code: ``import smc_core as smc``, then ``smc.chainer.broadcast_to(x, shape)``.

In addition to the plugin's own names, every function of ``chainer.functions`` is available here under its own name.
Each is imported on first use, and Chainer only with a name that needs it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from smc_core.errors import PluginVersionError

if TYPE_CHECKING:
    from smc_chainer.environment import Environment
    from smc_chainer.models import load_model

__all__ = ["Environment", "load_model"]

_HOMES = {"Environment": "environment", "load_model": "models"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")  # asked for by Python and its tools
    if find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")  # "from smc_chainer import models" asks here first
    from smc_chainer.framework import function

    try:
        return function(name)
    except (ImportError, PluginVersionError) as error:  # pickle asks every module for a name, and expects this alone
        raise AttributeError(str(error)) from error


def __dir__() -> list[str]:
    from smc_chainer.framework import function_names

    return sorted([*__all__, *function_names()])
