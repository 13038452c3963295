"""Find plugins, check them, and put them in order.

In order:

1. Entry points of the group ``smc.plugins`` are read from the metadata of what is installed; nothing is imported.
2. Two of the same name end the job.
3. Names in ``SMC_DISABLE_PLUGINS`` (comma between them) are left out; one that is not installed is an error.
4. The rest are imported and registered so that they are *called* in the order of their names, after the user's own
   ``save`` and before the core's own behaviour.
5. A function marked as a hook that is none of the five ends the job.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pluggy

from smc_core import builtin, hookspecs
from smc_core.command import Command
from smc_core.contract import job_paths
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, PluginConflictError, PluginError, PluginLoadError, SmcError
from smc_core.settings import CORE, DISABLE_PLUGINS, Setting, declared_by

GROUP = "smc.plugins"
"""The entry-point group that a plugin is published through."""

HOOKS = ("create_environment", "launch", "load_user_module", "train", "save_model")
"""The hooks, in the order in which a job calls them."""


@dataclass(frozen=True)
class Installed:
    """A plugin that is installed, imported or not.

    Attributes:
        name: name of its entry point.
        distribution: name of the distribution that it came with.
        version: that distribution's version.
        entry_point: ``package.module`` or ``package.module:object``.
        disabled: whether ``SMC_DISABLE_PLUGINS`` names it.
    """

    name: str
    distribution: str
    version: str
    entry_point: str
    disabled: bool = False
    _load: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version}, {self.entry_point})"

    def load(self) -> object:
        """Import it.

        Raises:
            PluginLoadError: it cannot be imported; names distribution, version, entry point and cause.
            SmcError: what it raises on purpose while it is imported.

        """
        try:
            return self._load()
        except SmcError:
            raise
        except Exception as error:
            raise PluginLoadError(
                f"plugin {self} cannot be loaded: {type(error).__name__}: {error}; "
                f"mend or remove {self.distribution}, or set {DISABLE_PLUGINS}={self.name}"
            ) from error


def installed(environ: Mapping[str, str] | None = None) -> list[Installed]:
    """Every installed plugin, in the order of names; nothing is imported.

    Args:
        environ: the variables to find ``SMC_DISABLE_PLUGINS`` in.

    Raises:
        PluginConflictError: two distributions offer a plugin of the same name.
        ConfigurationError: ``SMC_DISABLE_PLUGINS`` names a plugin that is not installed.

    """
    environ = os.environ if environ is None else environ
    disabled = set(DISABLE_PLUGINS.of(environ))
    found: dict[str, Installed] = {}
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        distribution = point.dist
        name, version = ("?", "?") if distribution is None else (distribution.name, distribution.version)
        plugin = Installed(point.name, name, version, point.value, point.name in disabled, point.load)
        other = found.get(plugin.name)
        if other is not None and other != plugin:
            raise PluginConflictError(f"two plugins are named {plugin.name!r}: {other} and {plugin}; remove one")
        found[plugin.name] = plugin
    unknown = sorted(disabled - set(found))
    if unknown:
        raise ConfigurationError(
            f"variable {DISABLE_PLUGINS} names {unknown[0]!r}, which is not installed; "
            f"installed: {', '.join(found) or 'none'}"
        )
    return list(found.values())


class Plugins:
    """The plugins of a job, loaded, checked and in order; :attr:`hook` calls them.

    Attributes:
        installed: what is installed, disabled ones too.
        manager: pluggy's plugin manager.
    """

    def __init__(self, manager: pluggy.PluginManager, found: list[Installed]) -> None:
        self.manager = manager
        self.installed = found

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Plugins:
        """Load every installed plugin that is not disabled.

        Raises:
            PluginError: one cannot be loaded, or answers a hook that does not exist.
            ConfigurationError: ``SMC_DISABLE_PLUGINS`` is wrong.

        """
        manager = new_manager()
        found = installed(environ)
        for plugin in reversed([plugin for plugin in found if not plugin.disabled]):  # called last to first
            register(manager, plugin)
        return cls(manager, found)

    def settings(self) -> dict[str, Setting]:
        """Every setting by the name of its variable: the core's, then those that plugins declare."""
        return {**CORE, **declared_by(self.manager.get_plugins())}

    @property
    def hook(self) -> pluggy.HookRelay:
        """Calls a hook of every plugin: ``plugins.hook.train(environment=..., module=...)``."""
        return self.manager.hook

    def create_environment(self, base_dir: str | None = None) -> Environment:
        """The Environment of the job, as the plugins extend it.

        Args:
            base_dir: the base directory; None takes ``SAGEMAKER_BASE_DIR``, else ``/opt/ml``.

        Raises:
            ConfigurationError: a file or variable is malformed.
            PluginError: a plugin made something else.

        """
        environment = self.manager.hook.create_environment(base_dir=job_paths(base_dir).base)
        if not isinstance(environment, Environment):
            raise PluginError(
                f"the hook create_environment gave {type(environment).__name__} instead of an Environment; "
                f"asked: {', '.join(self.callers('create_environment'))}"
            )
        return environment

    def callers(self, hook: str) -> list[str]:
        """Names of the plugins that answer a hook, in call order; those that wrap it come first."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        wrappers = [impl for impl in implementations if impl.wrapper or impl.hookwrapper]
        plain = [impl for impl in implementations if impl not in wrappers]
        return [impl.plugin_name for impl in (*reversed(wrappers), *reversed(plain))]

    def answerers(self, hook: str) -> list[str]:
        """Names of the plugins that answer a hook themselves, in call order; those that only wrap it are left out."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        return [impl.plugin_name for impl in reversed(implementations) if not (impl.wrapper or impl.hookwrapper)]

    def launch(self, environment: Environment, command: Command) -> Command:
        """The command with the launcher that a plugin puts around it, or as it is.

        Raises:
            PluginConflictError: two plugins put a launcher around it.

        """
        answers = self.manager.hook.launch(environment=environment, command=command)
        if len(answers) > 1:
            names = [
                impl.plugin_name
                for impl in reversed(self.manager.hook.launch.get_hookimpls())
                if not (impl.wrapper or impl.hookwrapper) and _ask(impl, environment, command) is not None
            ]
            raise PluginConflictError(
                f"plugins {' and '.join(names)} both launch this job; switch one of their launchers off"
            )
        return answers[0] if answers else command


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and the core's own answers to them."""
    manager = pluggy.PluginManager(hookspecs.PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="builtin")
    manager.register(builtin.UserSave(), name="user")
    return manager


def register(manager: pluggy.PluginManager, plugin: Installed) -> None:
    """Import a plugin and register it.

    Raises:
        PluginLoadError: it cannot be imported or registered, or answers a hook that does not exist.

    """
    loaded = plugin.load()
    try:
        manager.register(loaded, name=plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginLoadError(f"plugin {plugin}: {_explain(str(error), loaded)}") from error


def namespace(name: str) -> ModuleType:
    """The top package of an installed plugin: what ``smc_core.<name>`` is.

    Raises:
        LookupError: there is no such plugin.
        PluginLoadError: its package cannot be imported.

    """
    for plugin in installed():
        if plugin.name == name and not plugin.disabled:
            package = plugin.entry_point.partition(":")[0].partition(".")[0]
            try:
                return importlib.import_module(package)
            except ImportError as error:
                raise PluginLoadError(f"plugin {plugin} cannot be imported: {error}") from error
    raise LookupError(name)


def _ask(implementation: Any, environment: Environment, command: Command) -> Any:
    given = {"environment": environment, "command": command}
    return implementation.function(*(given[name] for name in implementation.argnames))


def _explain(message: str, plugin: object) -> str:
    """Pluggy's message on one line, with the nearest hook where the name is none."""
    marks = {name: getattr(getattr(plugin, name, None), f"{hookspecs.PROJECT_NAME}_impl", None) for name in dir(plugin)}
    answered = {options.get("specname") or name for name, options in marks.items() if isinstance(options, dict)}
    unknown = sorted(answered - set(HOOKS))
    if not unknown:
        return " ".join(message.split())
    import difflib

    nearest = difflib.get_close_matches(unknown[0], HOOKS, n=1, cutoff=0)
    return f"there is no hook {unknown[0]!r}; the nearest is {nearest[0]!r} (all: {', '.join(HOOKS)})"
