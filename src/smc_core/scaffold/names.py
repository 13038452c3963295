"""The names in a new plugin: what is refused, and what each is called where."""

from __future__ import annotations

import keyword
import re
from typing import NamedTuple

import smc_core
from smc_core.distributions import normalize
from smc_core.errors import ConfigurationError
from smc_core.plugins import installed
from smc_core.version import __version__

_PREFIX = re.compile(r"smc[-_]")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_OF_THE_CORE = frozenset({"builtin", "none", "user"})
"""Names that mean something else: of the core's own answers, and ``SMC_PLUGINS=none``, ``SMC_LAUNCHER=none``."""
_IMPORTED_AS = {"scikit-learn": "sklearn", "tensorflow-cpu": "tensorflow"}
"""Frameworks whose package has another name."""


class Names(NamedTuple):
    """What a plugin and its framework are called.

    Attributes:
        plugin: name of the entry point, and of ``smc_core.NAME``.
        framework: what the extra requires, such as ``loom>=3.6,<4``; empty where there is no framework.
        package: what the framework is imported as.
    """

    plugin: str
    framework: str = ""
    package: str = ""

    @property
    def distribution(self) -> str:
        """The distribution, and the folder that it is written to."""
        return f"smc-{self.plugin.replace('_', '-')}"

    def tokens(self) -> dict[str, str]:
        """The words of the template, and what each becomes."""
        words = self.plugin.split("_")
        return {
            "smc-core>=0.1,<0.2": f"smc-core{core_range()}",
            "smc-core[testing]>=0.1,<0.2": f"smc-core[testing]{core_range()}",
            "example-framework": self.framework,
            "example_framework": self.package,
            "smc-example": self.distribution,
            "smc_example": f"smc_{self.plugin}",
            "SMC_EXAMPLE_QUIET": f"SMC_{self.plugin.upper()}_QUIET",
            "ExampleEnvironment": f"{''.join(map(str.capitalize, words))}Environment",
            "example": self.plugin,
        }


def core_range(version: str = __version__) -> str:
    """The versions of smc-core that a plugin works with which is written for this one: ``>=0.1,<0.2``."""
    major, minor = map(int, version.split(".")[:2])
    return f">={major}.{minor},<{major + 1}" if major else f">=0.{minor},<0.{minor + 1}"


def checked(plugin: str, framework: str | None) -> Names:
    """The names of a new plugin.

    Args:
        plugin: its name, such as ``lines``.
        framework: distribution of its framework, with or without versions; None where there is none.

    Raises:
        ConfigurationError: a name cannot be taken.

    """
    if problem := _wrong(plugin):
        raise ConfigurationError(f"a plugin cannot be called {plugin!r}: {problem}")
    return Names(plugin, *_framework(framework)) if framework is not None else Names(plugin)


def _wrong(name: str) -> str | None:
    if prefix := _PREFIX.match(name):
        return f"smc- is put in front by itself; leave it out: {name[prefix.end() :] or 'lines'}"
    if not _NAME.fullmatch(name):
        nearest = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f", such as {nearest}" if _NAME.fullmatch(nearest) else ""
        return f"a name is lower-case letters, digits and single underscores, and begins with a letter{hint}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "Python has that word, and smc_core.NAME is what users write"
    if name in _OF_THE_CORE or name in dir(smc_core) or _is_module(name):
        return f"smc_core.{name} is smc's own" if name not in _OF_THE_CORE else "smc itself uses that name"
    taken = next((each for each in installed({}) if each.name == name), None)
    return f"{taken.label} is installed" if taken is not None else None


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(f"smc_core.{name}") is not None


def _framework(text: str) -> tuple[str, str]:
    """What the extra requires, and what the framework is imported as."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ConfigurationError(f"--framework {text!r} is no requirement: {str(error).splitlines()[0]}") from None
    if requirement.url or requirement.marker or any(each in str(requirement) for each in "\"'\\"):
        raise ConfigurationError(f"--framework {text!r}: name a distribution and its versions, such as 'loom>=3.6,<4'")
    package = _package(requirement.name)
    if not package.isidentifier():
        raise ConfigurationError(f"--framework {text!r}: {package!r} cannot be imported; is that its name?")
    return str(requirement), package


def _package(distribution: str) -> str:
    """What a distribution is imported as: as it is installed, else by its name."""
    from smc_core.metadata import Distribution, PackageNotFoundError

    usual = _IMPORTED_AS.get(normalize(distribution), normalize(distribution).replace("-", "_"))
    try:
        files = Distribution.from_name(distribution).files or ()
    except PackageNotFoundError:
        return usual
    found = {file.parts[0] for file in files if len(file.parts) == 2 and file.name == "__init__.py"}
    return usual if usual in found or not found else min(found, key=len)
