"""What is known of every installed plugin, whether it works or not: for ``smc plugins``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal, NamedTuple

from smc_core.compatibility import Compared, Framework, compared
from smc_core.errors import SmcError
from smc_core.plugins.discovery import Installed, installed
from smc_core.plugins.loaded import Plugins
from smc_core.plugins.manager import HOOKS, Manager, new_manager, register


class Seen(NamedTuple):
    """One plugin.

    Attributes:
        plugin: what its distribution says.
        status: ``ok``, it is loaded; ``skipped`` or ``disabled``, a setting leaves it out; ``broken``.
        cause: which setting leaves it out, or what is wrong with it; empty if it is loaded.
        seconds: how long its import took, beyond what was imported before; None if it was not imported.
        requires: what its distribution requires.
        framework: what it requires of its framework.
        deprecated: what it should no longer use, a sentence each.
        hooks: the hooks that it answers or wraps.
    """

    plugin: Installed
    status: Literal["ok", "skipped", "disabled", "broken"]
    cause: str
    seconds: float | None
    requires: tuple[Compared, ...]
    framework: tuple[Compared, ...]
    deprecated: tuple[str, ...]
    hooks: tuple[str, ...] = ()


class Survey(NamedTuple):
    """All of them.

    Attributes:
        plugins: each, in the order of names.
        callers: hook → names of those that answer or wrap it, the core's own too, in call order.
        wrappers: hook → names of those that wrap it; they are called before the others.
    """

    plugins: list[Seen]
    callers: dict[str, list[str]]
    wrappers: dict[str, list[str]]


def survey(environ: Mapping[str, str] | None = None) -> Survey:
    """Load every plugin that is to be loaded; a broken one does not prevent the others from loading.

    Raises:
        PluginConflictError: two distributions offer a plugin of the same name.
        ConfigurationError: a setting of plugins is wrong.

    """
    manager = new_manager(environ)
    seen = [_seen(manager, plugin) for plugin in reversed(installed(environ))]  # called last to first
    working = Plugins(manager, [])
    callers = {hook: working.callers(hook) for hook in HOOKS}
    wrappers = {hook: working.wrappers(hook) for hook in HOOKS}
    return Survey([_with_hooks(each, callers) for each in reversed(seen)], callers, wrappers)


def _seen(manager: Manager, plugin: Installed) -> Seen:
    requires = tuple(compared(plugin.distribution))  # before the import, which may need the same modules of the core
    status: Literal["ok", "skipped", "disabled", "broken"] = plugin.choice
    cause, seconds = plugin.left_out_by, None
    if plugin.choice == "ok":
        begun = time.perf_counter()
        try:
            register(manager, plugin)
        except SmcError as error:
            status, cause = "broken", str(error)
            if manager.has_plugin(plugin.name):
                manager.unregister(name=plugin.name)
        else:
            seconds = time.perf_counter() - begun
    framework = next((found for owner, found in manager.frameworks if owner is plugin), Framework(""))
    of_framework = tuple(compared(plugin.distribution, framework.extra, framework.package))
    deprecated = tuple(str(renamed) for owner, renamed in manager.deprecated if owner is plugin)
    return Seen(plugin, status, cause, seconds, requires, of_framework, deprecated)


def _with_hooks(seen: Seen, callers: Mapping[str, list[str]]) -> Seen:
    return seen._replace(hooks=tuple(hook for hook in HOOKS if seen.plugin.name in callers[hook]))
