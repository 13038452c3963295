"""The manager of plugins: how one is registered, and what is refused."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pluggy

from smc_core import builtin, hookspecs
from smc_core.compatibility import Framework, wrong_framework
from smc_core.errors import PluginLoadError, SmcError
from smc_core.plugins import answers, deprecations, faults
from smc_core.plugins.calls import Calls
from smc_core.plugins.discovery import Installed
from smc_core.plugins.patience import Patience
from smc_core.settings import TRACE_HOOKS
from smc_core.words import nearest

HOOKS = ("create_environment", "job_variables", "launch", "load_user_module", "train", "save_model", "keep_model")
"""The hooks, in the order in which a job calls them."""


class Manager(pluggy.PluginManager):
    """pluggy's manager with the hooks and the core's answers to them; it checks the calls of all other plugins.

    Attributes:
        calls: calls a hook of every plugin.
        frameworks: each plugin that names its framework, with that.
        deprecated: each plugin that uses an old name, with that.
    """

    def __init__(self, patience: Patience, calls: Callable[[pluggy.PluginManager, Patience], Calls] = Calls) -> None:
        super().__init__(hookspecs.PROJECT_NAME)
        self.calls = calls(self, patience)
        self.frameworks: list[tuple[Installed, Framework]] = []
        self.deprecated: list[tuple[Installed, deprecations.Renamed]] = []
        self._old_hooks: list[deprecations.Renamed] = []
        self.add_hookspecs(hookspecs)
        for hook in HOOKS:
            self._accept_old_arguments(hook)
        super().register(builtin, name="builtin")
        super().register(builtin.UserSave(), name="user")

    def register(self, plugin: object, name: str | None = None, installed: Installed | None = None) -> str | None:
        """Register a plugin, and check the calls of its functions that answer hooks.

        Args:
            plugin: a module, or an object.
            name: the name that it gets, by default its own.
            installed: what is known of it; None for one that no distribution has brought.

        Raises:
            PluginLoadError: a function that answers a hook has the wrong form.
            pluggy.PluginValidationError: the same, as pluggy sees it.

        """
        self._old_hooks = []
        registered = super().register(plugin, name)
        if registered is not None:
            origin = installed or Installed(registered, registered, "", registered)
            self.calls.check_calls_of(origin, plugin)
            if isinstance(framework := getattr(plugin, "FRAMEWORK", None), Framework):
                self.frameworks.append((origin, framework))
            self.deprecated += [(origin, each) for each in [*self._old_hooks, *self._old_arguments(plugin)]]
        return registered

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """How a function of a plugin is marked, as pluggy asks while it registers it.

        A hook's old name counts as the new one. It does not count in a plugin that has both, for older cores too.
        """
        options = super().parse_hookimpl_opts(plugin, name)
        renamed = None if options is None else deprecations.hook(options.get("specname") or name)
        if options is None or renamed is None:
            return options
        if hasattr(plugin, renamed.new) and super().parse_hookimpl_opts(plugin, renamed.new) is not None:
            return None
        self._old_hooks.append(renamed)
        options["specname"] = renamed.new
        return options

    def _accept_old_arguments(self, hook: str) -> None:
        spec = getattr(self.hook, hook).spec
        spec.argnames = (*spec.argnames, *(each.argument for each in deprecations.arguments(hook)))

    def _old_arguments(self, plugin: object) -> Iterator[deprecations.Renamed]:
        for caller in self.get_hookcallers(plugin) or ():
            taken = {name for each in caller.get_hookimpls() if each.plugin is plugin for name in each.argnames}
            yield from (each for each in deprecations.arguments(caller.name) if each.argument in taken)


def new_manager(environ: Mapping[str, str] | None = None) -> Manager:
    """A plugin manager that knows the hooks and the core's own answers to them.

    Args:
        environ: the variables to find settings in, by default those of this process.

    Raises:
        ConfigurationError: ``SMC_HOOK_PATIENCE`` or ``SMC_TRACE_HOOKS`` is wrong.

    """
    form = TRACE_HOOKS.of(os.environ if environ is None else environ)
    if form == "0":
        return Manager(Patience(environ))
    from smc_core.plugins.trace import TracedCalls

    return Manager(Patience(environ), functools.partial(TracedCalls, as_json=form == "json"))


def register(manager: Manager, plugin: Installed) -> None:
    """Import a plugin and register it.

    Raises:
        PluginVersionError: what it requires is not installed, or in another version.
        PluginLoadError: it cannot be imported or registered, or answers a hook that does not exist.

    """
    with manager.calls.patience.waiting_for(f"plugin {plugin.label}, {faults.IMPORT}"):
        loaded = plugin.load()
    register_loaded(manager, plugin, loaded)


def register_loaded(manager: Manager, plugin: Installed, loaded: object) -> None:
    """Register a plugin that is imported already.

    Raises:
        PluginLoadError: it cannot be registered, or answers a hook that does not exist.

    """
    if loaded is None:
        raise PluginLoadError(faults.sentence(plugin, faults.IMPORT, f"{plugin.entry_point} is None, not a plugin"))
    try:
        _check_data(plugin, loaded)
        manager.register(loaded, plugin.name, plugin)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        where, problem = _explain(str(error), loaded)
        raise PluginLoadError(faults.sentence(plugin, where, problem)) from None
    except SmcError:
        raise
    except BaseException as error:  # an attribute may be code of the plugin's too
        if faults.is_stop(error):
            raise
        raise faults.describe(plugin, faults.IMPORT, error, PluginLoadError) from error


def _check_data(plugin: Installed, loaded: object) -> None:
    framework = getattr(loaded, "FRAMEWORK", None)
    if framework is not None and (problem := wrong_framework(framework)):
        raise PluginLoadError(faults.sentence(plugin, faults.IMPORT, f"its FRAMEWORK {problem}"))
    for name in ("SETTINGS", "HYPERPARAMETERS"):
        if not isinstance(listed := getattr(loaded, name, ()), (list, tuple, set, frozenset)):
            problem = f"its {name} is {answers.kind(listed)}, not a list"
            raise PluginLoadError(faults.sentence(plugin, faults.IMPORT, problem))


def _explain(message: str, plugin: object) -> tuple[str, str]:
    """The hook that a plugin cannot be registered for, and why; pluggy's own message where neither is found."""
    mark = f"{hookspecs.PROJECT_NAME}_impl"
    for name in dir(plugin):
        function = inspect.getattr_static(plugin, name)
        options = getattr(function, mark, None)
        if not isinstance(options, dict):
            continue
        hook = deprecations.current(options.get("specname") or name)
        if hook not in HOOKS:
            return faults.IMPORT, f"there is no hook {hook!r}; the nearest is {nearest(hook, HOOKS, likeness=0)[0]!r}"
        if problem := _wrong_signature(hook, function, is_class=isinstance(plugin, type)):
            return hook, problem
        if (options.get("wrapper") or options.get("hookwrapper")) and not inspect.isgeneratorfunction(function):
            return hook, "is marked as a wrapper, and has no yield"
    return faults.IMPORT, message


def _wrong_signature(hook: str, function: Any, *, is_class: bool) -> str | None:
    takes = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    known = {*takes, *(each.argument for each in deprecations.arguments(hook))}
    asked = [name for name in inspect.signature(function).parameters if name not in known]
    if asked[:1] == ["self"]:
        if is_class:
            return "the entry point is a class; name an instance of it, or a module"
        del asked[0]
    return f"asks for {asked[0]!r}, not one of {', '.join(takes)}" if asked else None
