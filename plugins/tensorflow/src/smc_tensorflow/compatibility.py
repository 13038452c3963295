"""Whether the TensorFlow that an image brings is one that the plugin works with, whatever its build is called."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from smc_core.compatibility import EXTRA, check_framework
from smc_core.errors import PluginVersionError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

DISTRIBUTION = "smc-tensorflow"
PLUGIN = "tensorflow"
PACKAGE = "tensorflow"
_NAMES = ("tensorflow", "tf-")
"""What the name of a distribution of TensorFlow holds: tensorflow-cpu, intel-tensorflow, tf-nightly."""


def check_tensorflow() -> None:
    """Compare what is installed with the extra ``framework`` of this plugin; what is absent is not broken.

    Raises:
        PluginVersionError: names the requirement, the build and version found, and what to do.

    """
    check_framework(DISTRIBUTION, PLUGIN)
    wanted = _wanted()
    for name, version in builds():
        if wanted is not None and not wanted.contains(version, prereleases=True):
            from smc_core import metadata

            raise PluginVersionError(
                f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)} needs {PACKAGE}{wanted}, and {name} {version} is "
                f"installed; pip install '{name}{wanted}', or do without the plugin: SMC_DISABLE_PLUGINS={PLUGIN}"
            )


def builds() -> list[tuple[str, str]]:
    """Name and version of each distribution that brings the package ``tensorflow`` that would be imported."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return []
    from smc_core import metadata

    folder = os.path.dirname(os.path.dirname(spec.origin))
    return [
        (distribution.metadata["Name"], distribution.version)
        for distribution in metadata.Distribution.discover(path=[folder])
        if any(part in distribution.metadata["Name"].lower() for part in _NAMES)
        and PACKAGE in (distribution.read_text("top_level.txt") or "").split()
    ]


def _wanted() -> SpecifierSet | None:
    from packaging.requirements import Requirement

    from smc_core import metadata

    for requirement in map(Requirement, metadata.requires(DISTRIBUTION) or []):
        if requirement.name == PACKAGE and requirement.marker and requirement.marker.evaluate({"extra": EXTRA}):
            return requirement.specifier
    return None
