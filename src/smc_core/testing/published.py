"""The plugin under test, as its distribution publishes it."""

from __future__ import annotations

from smc_core.distributions import Distributions
from smc_core.errors import PluginError
from smc_core.plugins import GROUP, Installed, installed


def published(name: str) -> Installed:
    """An installed plugin, by the name of its entry point.

    Raises:
        PluginError: it is not installed, or has no entry point; says what to do.

    """
    for plugin in installed({}):
        if plugin.name == name:
            return plugin
    distribution = f"smc-{name.replace('_', '-')}"
    if Distributions().get(distribution) is None:
        raise PluginError(f"no plugin {name!r} is installed: pip install -e the distribution under test")
    raise PluginError(
        f"{distribution} is installed, and has no entry point {name!r}: declare it in pyproject.toml below "
        f'[project.entry-points."{GROUP}"], and install it again'
    )
