"""Checks whether a plugin works with the framework in an image: for authors of plugins.

A plugin names the versions in an extra of its distribution, and does not otherwise depend on the framework: an image
has its own build. A framework that is absent is no error. Which jobs need it is data, too: a :class:`Framework` in the
plugin's module, which the core checks. A plugin checks it itself only if its own namespace imports the framework.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from smc_core.errors import PluginVersionError

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from smc_core.distributions import Distribution

EXTRA = "framework"
"""The extra that names the versions, unless a plugin says otherwise."""

Need = Literal["always", "launched", "used"]


class Framework(NamedTuple):
    """The framework that a plugin adapts: ``FRAMEWORK = Framework("loom")`` in the plugin's module.

    Attributes:
        package: its import package, such as ``sklearn``. The extra names its distribution, such as ``scikit-learn``.
        needed: which jobs fail where it is installed in a version that the plugin does not work with. ``used``: those
            whose own code imports it, in function mode. ``launched``: those that this plugin launches. ``always``: all.
        extra: the extra of the plugin's distribution that names the versions.
    """

    package: str
    needed: tuple[Need, ...] = ("used",)
    extra: str = EXTRA


def wrong_framework(framework: object) -> str | None:
    """What is wrong with the ``FRAMEWORK`` of a plugin, in words; None if nothing is."""
    if not isinstance(framework, Framework):
        return f"is {framework!r}, not a Framework"
    if not isinstance(framework.package, str) or not framework.package.isidentifier():
        return f"has the package {framework.package!r}, not the name of one"
    if not isinstance(framework.extra, str) or not framework.extra:
        return f"has the extra {framework.extra!r}, not the name of one"
    known = get_args(Need)
    if not isinstance(framework.needed, tuple) or not set(framework.needed) <= set(known) or not framework.needed:
        return f"has needed={framework.needed!r}, not a tuple of some of {', '.join(known)}"
    return None


class Compared(NamedTuple):
    """A requirement compared with what is installed.

    Attributes:
        name: the required distribution, such as ``tensorflow``.
        versions: its versions, such as ``<3,>=2.18``.
        build: the installed distribution, which may have another name, such as ``tensorflow-cpu``.
        found: its version; None if none is installed.
        is_met: whether the requirement is satisfied.
    """

    name: str
    versions: str
    build: str
    found: str | None
    is_met: bool

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name}{self.versions} is not installed"
        if self.is_met:
            return f"{self.name}{self.versions}: {self.build} {self.found} is installed"
        return f"{self.build} {self.found} is installed, not {self.versions}"


def is_installed(module: str) -> bool:
    """Whether a package is installed. It is not imported.

    Args:
        module: its top-level name in an import, such as ``torch``. A folder of that name without ``__init__.py`` is
            none, and neither is one that is None in ``sys.modules``, as a test hides it.

    """
    return module.isidentifier() and _origin(module) is not None


def _origin(module: str) -> str | None:
    """The file from which a top-level package would be imported; None if there is none."""
    try:
        spec = find_spec(module)
    except ValueError:  # the job's code has replaced it in sys.modules
        return None
    return None if spec is None else spec.origin


def is_used(package: str, code_dir: str) -> bool:
    """Whether the job's own code has imported a package (``import keras``), or something from it.

    An import by another package does not count: an image's Keras, which TensorFlow imports, may have any version in a
    job that does not use it.

    Args:
        package: a top-level package.
        code_dir: the folder of the job's code; its imported modules are checked.

    """
    if package not in sys.modules:
        return False
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


def check_framework(distribution: str, plugin: str, framework: Framework) -> None:
    """Compare what is installed with the versions that a plugin's distribution names.

    Release numbers are compared: a vendor builds 2.6.0 from a state that calls itself ``2.6.0a0+ecf3bae40a.nv25.1``. A
    version that is none says nothing, and passes.

    Args:
        distribution: name of the plugin's distribution, such as ``smc-keras``.
        plugin: name of its entry point, such as ``keras``.
        framework: the framework.

    Raises:
        PluginVersionError: names the requirement, the version found, and what to install.

    """
    from smc_core.distributions import Distributions

    own = Distributions().get(distribution)
    wrong = next((each for each in unmet(distribution, framework.extra, framework.package) if each.found), None)
    if own is None or wrong is None:
        return
    found = wrong.found if wrong.build == wrong.name else f"{wrong.build} {wrong.found}"
    # A build with a local label is the image's own: an index would replace it by another.
    do = "take an image that has it" if "+" in str(wrong.found) else f"pip install '{wrong.build}{wrong.versions}'"
    raise PluginVersionError(
        f"{distribution} {own.version} needs {wrong.name}{wrong.versions}, and {found} is installed; "
        f"{do}, or do without the plugin: SMC_DISABLE_PLUGINS={plugin}"
    )


def unmet(distribution: str, extra: str = "", package: str = "") -> Iterator[Compared]:
    """The requirements of a distribution that are not satisfied; arguments as for :func:`compared`."""
    return (each for each in compared(distribution, extra, package) if not each.is_met)


def compared(distribution: str, extra: str = "", package: str = "") -> Iterator[Compared]:
    """The requirements of a distribution, each beside what is installed; more than once where that is several builds.

    Args:
        distribution: its name.
        extra: the extra whose requirements are meant, and no others; empty for those outside of any extra.
        package: the import package of the requirement of the same name, which may be installed by builds that have
            another name, as ``tensorflow`` is by ``tensorflow-cpu``.

    """
    from smc_core.distributions import Distributions

    there = Distributions()
    for requirement in requirements(there.get(distribution), extra):
        name, wanted = requirement.name, requirement.specifier
        builds = [there.get(name), *(_builds(package) if name == package else ())]
        found = {each.name: each.version for each in builds if each is not None}
        for build, version in found.items():
            yield Compared(name, str(wanted), build, version, _fits(version, wanted))
        if not found:
            yield Compared(name, str(wanted), name, None, is_met=False)


def requirements(distribution: Distribution | None, extra: str = "") -> Iterator[Requirement]:
    """The requirements of a distribution, either of one extra only, or without extras."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in distribution.requires if distribution is not None else ():
        with contextlib.suppress(InvalidRequirement):  # whoever installed it has not understood it either
            requirement = Requirement(text)
            if _applies(requirement, extra):
                yield requirement


def _applies(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement belongs to an extra, and only to that; or to no extra, if none is named."""
    marker = requirement.marker
    if marker is None:
        return not extra
    return marker.evaluate({"extra": extra}) and not (extra and marker.evaluate({"extra": ""}))


def _fits(found: str, wanted: SpecifierSet) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return wanted.contains(Version(found).base_version, prereleases=True)
    except InvalidVersion:
        return True


def _builds(package: str) -> Iterator[Distribution]:
    """The distributions that contain a package, in the folder from which it would be imported."""
    from smc_core.distributions import Distributions

    origin = _origin(package)
    if origin is not None:
        yield from Distributions([os.path.dirname(os.path.dirname(origin))]).bringing(package)
