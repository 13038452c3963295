"""Which plugins are installed, and how one is imported."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import os
import re
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Literal, NamedTuple

from smc_core.distributions import Distributions, EntryPoint
from smc_core.errors import ConfigurationError, PluginConflictError, PluginLoadError, SmcError
from smc_core.plugins import faults
from smc_core.settings import DISABLE_PLUGINS, PLUGINS, Names
from smc_core.words import did_you_mean, nearest

GROUP = "smc.plugins"
"""The entry-point group of plugins."""
_REFERENCE = re.compile(r"(?P<module>[\w.]+)\s*(:\s*(?P<object>[\w.]+)\s*)?(\[.*\]\s*)?")
"""The value of an entry point: a module, an object in it, and extras, which are ignored."""
NO_PLUGIN = ["none"]
"""The value of ``SMC_PLUGINS`` with which no plugin is loaded."""

_LEFT_OUT = {"ok": "", "skipped": f"{PLUGINS} does not name it", "disabled": f"{DISABLE_PLUGINS} names it"}

Choice = Literal["ok", "skipped", "disabled"]
"""Whether to load a plugin; ``skipped``: ``SMC_PLUGINS`` names others; ``disabled``: by ``SMC_DISABLE_PLUGINS``."""


class Installed(NamedTuple):
    """An installed plugin, imported or not.

    Attributes:
        name: name of its entry point.
        distribution: name of its distribution.
        version: version of its distribution.
        entry_point: ``package.module`` or ``package.module:object``.
        choice: whether to load it.
        requires: the requirements of its distribution, one ``Requires-Dist`` each.
    """

    name: str
    distribution: str
    version: str
    entry_point: str
    choice: Choice = "ok"
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version}, {self.entry_point})"

    @property
    def is_left_out(self) -> bool:
        """Whether a setting keeps it from being loaded."""
        return self.choice != "ok"

    @property
    def left_out_by(self) -> str:
        """Which setting keeps it from being loaded, in words; empty where none does."""
        return _LEFT_OUT[self.choice]

    @property
    def label(self) -> str:
        """Name, distribution and version, ``keras (smc-keras 0.1.0)``; only the name if there is no version."""
        return self.name if not self.version else f"{self.name} ({self.distribution} {self.version})"

    def load(self) -> object:
        """Import it.

        Raises:
            PluginVersionError: a requirement is not installed, or has the wrong version.
            PluginLoadError: it cannot be imported; the message names distribution, version and cause.
            SmcError: an error that it raises on purpose during the import.

        """
        if self.requires:
            from smc_core.plugins import requires

            requires.check(self)
        from smc_core.plugins import leaving

        try:
            with leaving.refused():
                return self._import()
        except SmcError:
            raise
        except BaseException as error:
            if faults.is_stop(error):
                raise
            raise faults.describe(self, faults.IMPORT, error, PluginLoadError) from error

    def _import(self) -> object:
        reference = _REFERENCE.fullmatch(self.entry_point)
        if reference is None:
            what = f"its entry point {self.entry_point!r} is neither package.module nor package.module:object"
            raise PluginLoadError(faults.sentence(self, faults.IMPORT, what))
        from importlib import import_module

        found: object = import_module(reference["module"])
        for name in filter(None, (reference["object"] or "").split(".")):
            found = getattr(found, name)
        return found


def installed(environ: Mapping[str, str] | None = None) -> list[Installed]:
    """Every installed plugin, in the order of their names; nothing is imported.

    Args:
        environ: the variables, for ``SMC_PLUGINS`` and ``SMC_DISABLE_PLUGINS``.

    Raises:
        PluginConflictError: two distributions offer a plugin of the same name.
        ConfigurationError: one of these names a plugin that is not installed.

    """
    environ = os.environ if environ is None else environ
    found: dict[str, Installed] = {}
    for point in sorted(Distributions().entry_points(GROUP)):
        plugin = _described(point)
        other = found.get(plugin.name)
        if other is not None and str(other) != str(plugin):
            raise PluginConflictError(f"two plugins are named {plugin.name!r}: {other} and {plugin}; remove one")
        found[plugin.name] = plugin
    selected, disabled = _selected(environ, found), _named(DISABLE_PLUGINS, environ, found)
    return [plugin._replace(choice=_choice(name, selected, disabled)) for name, plugin in found.items()]


def namespace(name: str) -> ModuleType:
    """The top package of an installed plugin: what ``smc_core.<name>`` is.

    Raises:
        LookupError: there is no such plugin, or a setting leaves it out; says which.
        PluginLoadError: its package cannot be imported.

    """
    for plugin in installed():
        if plugin.name == name:
            if plugin.is_left_out:
                raise LookupError(f"plugin {name} is not loaded: {plugin.left_out_by}")
            from importlib import import_module

            package = plugin.entry_point.partition(":")[0].partition(".")[0]
            try:
                return import_module(package)
            except SmcError:
                raise
            except BaseException as error:
                if faults.is_stop(error):
                    raise
                raise faults.describe(plugin, faults.IMPORT, error, PluginLoadError) from error
    raise LookupError(f"no plugin of that name is installed (pip install smc-{name}?)")


def _described(point: EntryPoint) -> Installed:
    name, version, requires, _ = point.distribution
    return Installed(point.name, name, version, point.value, requires=requires)


def _choice(name: str, selected: set[str], disabled: set[str]) -> Choice:
    if name in disabled:
        return "disabled"
    return "ok" if name in selected else "skipped"


def _selected(environ: Mapping[str, str], known: Collection[str]) -> set[str]:
    given = PLUGINS.found(environ)
    if given is None:
        return set(known)
    if not (names := PLUGINS.of(environ)):
        raise PLUGINS.refused(*given)
    return set() if names == NO_PLUGIN else _named(PLUGINS, environ, known)


def _named(setting: Names, environ: Mapping[str, str], known: Collection[str]) -> set[str]:
    """The plugins that a setting names; an error if one is not installed."""
    names = setting.of(environ)
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"variable {setting} names {name!r}, which is not installed; "
                f"installed: {', '.join(known) or 'none'}{did_you_mean(nearest(name, known))}"
            )
    return set(names)
