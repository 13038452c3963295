"""Public names of a package, each imported when it is first used (PEP 562): for authors of plugins.

::

    # smc_lines/__init__.py
    from smc_core.lazy import exports

    __all__ = ["Line"]
    __getattr__, __dir__ = exports(__name__, {"Line": "models"})

``smc.lines.Line`` then imports ``smc_lines.models``, and whoever does without it never waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its ``__name__``.
        homes: public name → the module of the package in which it is.

    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find, lambda: sorted(homes)
