"""Whether the framework that an image brings is one that a plugin works with: for authors of plugins.

A plugin names its framework in an extra called ``framework`` of its own distribution, and depends on it no further: an
image brings its own build. What is absent is not broken.
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from smc_core.errors import PluginVersionError

EXTRA = "framework"
"""The extra whose requirements are checked."""


def is_installed(module: str) -> bool:
    """Whether a top-level package can be imported (a bare folder of its name cannot); it is not imported."""
    spec = find_spec(module) if module.isidentifier() else None
    return spec is not None and spec.origin is not None


def check_framework(distribution: str, plugin: str) -> None:
    """Compare what is installed with the extra ``framework`` of a plugin's distribution.

    Release numbers are compared: a vendor builds 2.6.0 from a state that calls itself ``2.6.0a0+ecf3bae40a.nv25.1``. A
    version that is none says nothing, and passes.

    Args:
        distribution: name of the plugin's distribution, such as ``smc-keras``.
        plugin: name of its entry point, such as ``keras``.

    Raises:
        PluginVersionError: names the requirement, the version found, and what to install.

    """
    for requirement in map(Requirement, metadata.requires(distribution) or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": EXTRA}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        try:
            version = Version(found)
        except InvalidVersion:
            continue
        if not requirement.specifier.contains(version.base_version, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            # A build with a local label is the image's own: an index would replace it by another.
            do = "take an image that has it" if version.local else f"pip install '{wanted}'"
            raise PluginVersionError(
                f"{distribution} {metadata.version(distribution)} needs {wanted}, and {found} is installed; "
                f"{do}, or do without the plugin: SMC_DISABLE_PLUGINS={plugin}"
            )
