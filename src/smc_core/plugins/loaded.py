"""The plugins of a job: loaded, in order, and asked through the hooks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from smc_core.command import Command
from smc_core.contract import job_paths
from smc_core.environment import Environment
from smc_core.errors import PluginConflictError, PluginError
from smc_core.plugins import faults, owned
from smc_core.plugins.discovery import Installed, installed
from smc_core.settings import CORE, DISABLE_PLUGINS, HOOK_PATIENCE, LAUNCHER, TRACE_HOOKS, Setting, declared_by
from smc_core.variables import Variable

if TYPE_CHECKING:
    from types import ModuleType

    from smc_core.compatibility import Framework, Need
    from smc_core.plugins.calls import Calls
    from smc_core.plugins.manager import Manager


class Plugins:
    """The plugins of a job, loaded, checked and in order; :attr:`hook` calls them.

    Without plugins, hooks that come before the user's code have only the core's own answer, which is given without the
    manager: importing pluggy would take longer than everything else that such a job needs until then.

    Attributes:
        installed: the installed plugins, including those that a setting disables.
    """

    def __init__(self, manager: Manager | None, found: list[Installed]) -> None:
        self._manager = manager
        self.installed = found

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Plugins:
        """Load every installed plugin that no setting disables.

        Raises:
            PluginError: one cannot be loaded, or answers a hook that does not exist.
            ConfigurationError: a setting for plugins is wrong, such as ``SMC_PLUGINS``.

        """
        given = os.environ if environ is None else environ
        HOOK_PATIENCE.of(given)
        found = installed(environ)
        active = [plugin for plugin in found if not plugin.is_left_out]
        if not active and TRACE_HOOKS.of(given) == "0":
            return cls(None, found)
        from smc_core.plugins.manager import new_manager, register

        manager = new_manager(environ)
        with manager.calls.patience.kept():
            for plugin in reversed(active):  # called last to first
                register(manager, plugin)
        return cls(manager, found)

    @property
    def manager(self) -> Manager:
        """Pluggy's plugin manager."""
        if self._manager is None:
            from smc_core.plugins.manager import new_manager

            self._manager = new_manager()
        return self._manager

    @property
    def deprecated(self) -> list[str]:
        """What plugins should no longer use, a sentence each."""
        known = [] if self._manager is None else self._manager.deprecated
        return [f"plugin {plugin.label}: {renamed}" for plugin, renamed in known]

    def settings(self) -> dict[str, Setting]:
        """Every setting by the name of its variable: those of the core, then those that plugins declare."""
        return {**CORE, **declared_by(self._registered())}

    def hyperparameters(self) -> frozenset[str]:
        """The user's hyperparameters that plugins read, such as ``seed``: ``HYPERPARAMETERS`` of their modules."""
        lists = [getattr(plugin, "HYPERPARAMETERS", ()) for plugin in self._registered()]
        return frozenset(
            name for names in lists if isinstance(names, (list, tuple, set)) for name in names if isinstance(name, str)
        )

    @property
    def hook(self) -> Calls:
        """Calls a hook of every plugin: ``plugins.hook.train(environment=..., module=...)``."""
        return self.manager.calls

    def create_environment(self, base_dir: str | None = None) -> Environment:
        """The Environment of the job, as the plugins extend it.

        Args:
            base_dir: the base directory; None for ``SAGEMAKER_BASE_DIR``, or else ``/opt/ml``.

        Raises:
            ConfigurationError: a file or variable is malformed.
            PluginError: a plugin has broken the hook's contract.

        """
        base = job_paths(base_dir).base
        if self._manager is None:
            return Environment.create(base_dir=base)
        with self._watched():
            environment: Environment = self.hook.create_environment(base_dir=base)
        return environment

    def callers(self, hook: str) -> list[str]:
        """Names of the plugins that answer a hook, in call order; those that wrap it come first."""
        return [*self.wrappers(hook), *self.answerers(hook)]

    def wrappers(self, hook: str) -> list[str]:
        """Names of the plugins that wrap a hook, the outermost first."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        return [impl.plugin_name for impl in reversed(implementations) if impl.wrapper or impl.hookwrapper]

    def answerers(self, hook: str) -> list[str]:
        """Names of the plugins that answer a hook themselves, in call order, without those that only wrap it."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        return [impl.plugin_name for impl in reversed(implementations) if not (impl.wrapper or impl.hookwrapper)]

    def check_installed_frameworks(self) -> None:
        """Check the installed versions of frameworks that are always needed, before the job is launched.

        Raises:
            PluginVersionError: one is installed in a version that its plugin does not work with.

        """
        for plugin, framework in self._frameworks("always"):
            from smc_core.compatibility import check_framework, is_installed

            if is_installed(framework.package):
                check_framework(plugin.distribution, plugin.name, framework)

    def check_used_frameworks(self, code_dir: str) -> None:
        """Check the installed versions of the frameworks that the job's own code has imported.

        Args:
            code_dir: the folder of the job's code.

        Raises:
            PluginVersionError: one is installed in a version that its plugin does not work with.

        """
        for plugin, framework in self._frameworks("used"):
            from smc_core.compatibility import check_framework, is_used

            if is_used(framework.package, code_dir):
                check_framework(plugin.distribution, plugin.name, framework)

    def job_variables(
        self, environment: Environment, environ: Mapping[str, str], given: Mapping[str, str]
    ) -> list[Variable]:
        """The variables that plugins add to the job, each with the plugin as its source.

        Args:
            environment: the Environment of the job.
            environ: the variables of the job without them.
            given: those of these that come from the container; they take precedence unless they are empty.

        Raises:
            PluginConflictError: two plugins want different values for one variable.

        """
        if self._manager is None:
            return []
        with self._watched():
            found = self.hook.job_variables(environment=environment, environ=MappingProxyType(dict(environ)))
        return owned.merged(found, environ, given)

    def launch(self, environment: Environment, command: Command) -> Command:
        """The command with the launcher that a plugin puts around it, or unchanged.

        Raises:
            PluginConflictError: two plugins put a launcher around it.
            PluginVersionError: the launcher's framework is installed in a version that the plugin does not work with.

        """
        if self._manager is None:
            return command
        with self._watched():
            commands = self.hook.launch(environment=environment, command=command)
        if len(commands) > 1:
            raise PluginConflictError(self._two_launchers(commands))
        for plugin, framework in self._frameworks("launched"):
            if plugin in self.manager.calls.answered:
                from smc_core.compatibility import check_framework

                check_framework(plugin.distribution, plugin.name, framework)
        return commands[0] if commands else command

    def save_model(self, environment: Environment, module: ModuleType, model: Any) -> str | None:
        """Save a model; returns the path that was written, or None if no plugin can save it.

        Raises:
            PluginError: a plugin returned a path, but nothing is there.

        """
        from smc_core.plugins import answers

        path = self.hook.save_model(environment=environment, module=module, model=model)
        if path is None:
            return None
        written = str(os.fspath(path))
        answered = self.manager.calls.answered
        if answered and (problem := answers.unwritten(environment, written)):
            raise PluginError(faults.sentence(answered[-1], "save_model", problem))
        return written

    def _registered(self) -> Iterable[object]:
        return () if self._manager is None else self._manager.get_plugins()

    def _frameworks(self, need: Need) -> list[tuple[Installed, Framework]]:
        known = [] if self._manager is None else self._manager.frameworks
        return [(plugin, framework) for plugin, framework in known if need in framework.needed]

    def _watched(self) -> contextlib.AbstractContextManager[None]:
        """Watch all calls of a hook that runs none of the user's code with a single thread."""
        if all(plugin.is_left_out for plugin in self.installed):
            return contextlib.nullcontext()
        return self.manager.calls.patience.kept()

    def _two_launchers(self, commands: list[Command]) -> str:
        plugins = self.manager.calls.answered[: len(commands)]
        names = " and ".join(plugin.label for plugin in plugins)
        launchers = " or ".join(f"{LAUNCHER}={command.launcher}" for command in commands)
        last = plugins[-1].name if plugins else commands[-1].launcher
        choice = f"choose one by {launchers}, or leave one out: {DISABLE_PLUGINS}={last}"
        return f"plugins {names} both launch this job; {choice}"
