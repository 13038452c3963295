"""Whether the Keras that an image brings is one that this plugin works with."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

from smc_core.errors import PluginVersionError

DISTRIBUTION = "smc-keras"


def check_framework() -> None:
    """Compare what is installed with this distribution's extra ``framework``; what is absent is not broken.

    Raises:
        PluginVersionError: names the requirement, the version found, and what to install.

    """
    for requirement in map(Requirement, metadata.requires(DISTRIBUTION) or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": "framework"}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            raise PluginVersionError(
                f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)} needs {wanted}, and {found} is installed; "
                f"pip install '{wanted}', or do without the plugin: SMC_DISABLE_PLUGINS=keras"
            )
