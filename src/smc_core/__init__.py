"""smc: machine-learning training inside containers.

``import smc_core as smc`` gives a script or a framework what it needs: ``smc.Environment``, ``smc.modules``,
``smc.functions``, ``smc.hookimpl`` … and each installed plugin's own namespace under its name: ``smc.keras``.
Every name is imported on first use, so that importing this package costs nothing, reads nothing and creates nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from smc_core import contract, environment, errors, functions, hookspecs, modules
    from smc_core.command import Command
    from smc_core.environment import Environment
    from smc_core.errors import (
        CodeError,
        ConfigurationError,
        HostError,
        PluginConflictError,
        PluginError,
        PluginLoadError,
        PluginVersionError,
        SmcError,
        UserCodeError,
    )
    from smc_core.hookspecs import TrainResult, hookimpl
    from smc_core.hyperparameters import Value
    from smc_core.metrics import log_metric, log_metrics, progress
    from smc_core.version import __version__

__all__ = [
    "CodeError",
    "Command",
    "ConfigurationError",
    "Environment",
    "HostError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginVersionError",
    "SmcError",
    "TrainResult",
    "UserCodeError",
    "Value",
    "__version__",
    "contract",
    "environment",
    "errors",
    "functions",
    "hookimpl",
    "hookspecs",
    "log_metric",
    "log_metrics",
    "modules",
    "progress",
]

_HOMES = {
    "Command": "command",
    "Environment": "environment",
    "TrainResult": "hookspecs",
    "Value": "hyperparameters",
    "__version__": "version",
    "hookimpl": "hookspecs",
    "log_metric": "metrics",
    "log_metrics": "metrics",
    "progress": "metrics",
    **{name: "errors" for name in __all__ if name.endswith("Error")},
}


def __getattr__(name: str) -> Any:
    """A public name, or the namespace of a plugin (PEP 562); ``from smc_core import room`` asks here too."""
    if name in _HOMES:
        value = getattr(_room(_HOMES[name]), name)
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = _room(name) or _namespace(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _room(name: str) -> ModuleType | None:
    """A module of this package; None if there is none. No importlib: its import costs as much as ten modules."""
    full = f"{__name__}.{name}"
    try:
        __import__(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        return None
    return sys.modules[full]


def _namespace(name: str) -> Any:
    from smc_core.plugins import namespace

    try:
        return namespace(name)
    except LookupError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}, and {error}") from None
