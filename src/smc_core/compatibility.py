"""Whether the framework that an image brings is one that a plugin works with: for authors of plugins.

A plugin names its framework in an extra called ``framework`` of its own distribution, and depends on it no further: an
image brings its own build. What is absent is not broken.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import ModuleType

from smc_core.errors import PluginVersionError

EXTRA = "framework"
"""The extra whose requirements are checked."""


def is_installed(module: str) -> bool:
    """Whether a top-level package can be imported (a bare folder of its name cannot); it is not imported."""
    spec = find_spec(module) if module.isidentifier() else None
    return spec is not None and spec.origin is not None


def is_used(package: str, code_dir: str) -> bool:
    """Whether the job's own code has imported something of a package, such as ``import keras`` or a class from it.

    Another package that imports it does not count: an image's Keras, which TensorFlow imports, may be of any version
    for a job that does not use it.

    Args:
        package: a top-level package.
        code_dir: the folder of the job's code; its modules that are imported are looked at.

    """
    folder = os.path.join(os.path.realpath(code_dir), "")
    own = [
        module
        for module in list(sys.modules.values())
        if os.path.realpath(getattr(module, "__file__", None) or os.devnull).startswith(folder)
    ]
    return any(_is_of(value, package) for module in own for value in list(vars(module).values()))


def _is_of(value: object, package: str) -> bool:
    name = getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", None)
    return isinstance(name, str) and name.partition(".")[0] == package


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
    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion, Version

    from smc_core import metadata

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
