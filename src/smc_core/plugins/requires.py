"""Whether what a plugin's distribution requires is installed: asked before the plugin is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smc_core import __version__
from smc_core.code.distributions import Distributions, normalize
from smc_core.code.simple import read_simple
from smc_core.errors import PluginVersionError
from smc_core.plugins import faults

if TYPE_CHECKING:
    from smc_core.plugins.discovery import Installed

CORE = "smc-core"


def check(plugin: Installed) -> None:
    """Compare what a plugin requires with what is installed. Extras are not asked for; markers are respected.

    Raises:
        PluginVersionError: names the requirement, what is installed, and what to install.

    """
    known: Distributions | None = None
    for text in plugin.requires:
        name, versions, applies = _read(text)
        if not applies:
            continue
        if normalize(name) == CORE:
            version: str | None = __version__
        else:
            known = known or Distributions()
            found = known.get(name)
            version = None if found is None else found.version
        if version is None or not _permits(text, version):
            raise PluginVersionError(_in_words(plugin, name, versions, version))


def _read(text: str) -> tuple[str, str, bool]:
    """Name and versions of a requirement, and whether it applies here."""
    simple = read_simple(text)
    if simple is not None:
        versions = text.partition(";")[0].strip()[len(simple.name) :].strip(" ()")
        return simple.name, versions, simple.applies
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:  # whoever installed it has not understood it either
        return text, "", False
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return requirement.name, str(requirement.specifier), applies


def _permits(text: str, version: str) -> bool:
    simple = read_simple(text)
    answer = None if simple is None else simple.permits(version)
    if answer is None:
        from packaging.requirements import Requirement

        return Requirement(text).specifier.contains(version, prereleases=True)
    return answer


def _in_words(plugin: Installed, name: str, versions: str, found: str | None) -> str:
    wanted = f"{name}{versions}"
    state = f"{found} is installed" if found else "it is not installed"
    fix = f"pip install '{wanted}'"
    if normalize(name) == CORE:
        fix = f"{fix} or another {plugin.distribution}"
    return faults.sentence(plugin, faults.IMPORT, f"requires {wanted}, and {state}", fix=fix)
