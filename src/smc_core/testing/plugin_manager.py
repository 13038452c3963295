"""The hooks of plugins, called in the test's own process as a job calls them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from types import ModuleType
from typing import Any

from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.hookspecs import TrainResult, hookimpl
from smc_core.plan import find_target, make_plan
from smc_core.plugins import Installed, Plugins, installed
from smc_core.plugins.manager import new_manager, register_loaded
from smc_core.process.saving import KEPT
from smc_core.testing.job_folder import JobFolder
from smc_core.testing.published import published
from smc_core.variables import process_environ

_MACHINE = "machine"


class PluginManager:
    """Plugins, called as a job in a folder calls them: with its files and variables, and every check of the core.

    At first it has the core's own answers and no plugin, whatever is installed; :meth:`register` adds those that a test
    is about. Each call begins a job: it creates an Environment from what the folder has then. Variables and the working
    folder, which a job may change, are restored after it.

    Settings of a job are arguments of a call, as in ``launch("train.py", SMC_LAUNCHER="lines")``, or ``job.variables``:
    variables of this process whose names begin with ``SMC_``, ``SM_`` or ``SAGEMAKER_`` do not count.

    Args:
        job: the job's folder.
    """

    def __init__(self, job: JobFolder) -> None:
        self.job = job
        self._plugins: dict[str, tuple[Installed, object]] = {}
        self._assumed: dict[str, Any] = {}

    def register(self, plugin: str | object, name: str | None = None) -> PluginManager:
        """Add a plugin.

        Args:
            plugin: the name of an installed one, such as ``"lines"``; or a module or an object that has hooks.
            name: the name of an object, which decides when it is called; by default that of its entry point, or of its
                type.

        Raises:
            PluginError: it is not installed, cannot be loaded, or answers a hook that does not exist.

        """
        if isinstance(plugin, str):
            found = published(plugin)
            loaded = found.load()
        else:
            found, loaded = _described(plugin, name), plugin
        register_loaded(new_manager({}), found, loaded)  # what is wrong with it is said here
        self._plugins[found.name] = found, loaded
        return self

    def assume(self, **fields: Any) -> PluginManager:
        """Let the core read other values than this machine's: ``assume(gpu_count=4)``.

        Args:
            **fields: fields of the Environment that the core creates, before plugins extend it.

        """
        self._assumed.update(fields)
        return self

    def create_environment(self, **variables: str) -> Any:
        """The Environment of the job, as the plugins extend it.

        Args:
            **variables: variables of the container, or of one of the job's processes, such as ``RANK="1"``.

        """
        with self._begun(variables) as (_, environment):
            return environment

    def job_variables(self, **variables: str) -> dict[str, str]:
        """The variables that the plugins add to the job, without those that the user has set.

        Args:
            **variables: variables of the container.

        """
        with self._begun(variables) as (plugins, environment):
            return _added(plugins, environment)

    def launch(self, program: str | Command = "train.py", **variables: str) -> Command:
        """What this host of the job runs: the command with all variables, and with the launcher that the job asks for.

        Args:
            program: the job's entry point, in its folder; or what would run without a launcher, whose variables are
                added to the job's.
            **variables: variables of the container, such as ``SMC_LAUNCHER="lines"``.

        Raises:
            SmcError: the job cannot be started: the same as in a job.

        """
        if isinstance(program, str):
            variables = {"SAGEMAKER_PROGRAM": program, **variables}
        with self._begun(variables) as (plugins, environment):
            if isinstance(program, str):
                return make_plan(environment, find_target(environment), plugins, dict(os.environ)).command
            environ, _ = process_environ(environment, dict(os.environ))
            environ |= _added(plugins, environment)
            return plugins.launch(environment, program._replace(environ={**environ, **program.environ}))

    def load_user_module(self, program: str = "train.py", **variables: str) -> ModuleType:
        """The module of the job's own code, imported; a framework that it imports has to be of a version that fits.

        Args:
            program: the job's entry point.
            **variables: variables of the job.

        Raises:
            PluginVersionError: it imports a framework in a version that its plugin does not work with.
            Exception: whatever the module raises while it is imported.

        """
        with self._working({"SAGEMAKER_PROGRAM": program, **variables}) as (plugins, environment):
            return _loaded(plugins, environment)

    def train(self, train: str | Callable[..., Any] = "train.py", **variables: str) -> TrainResult:
        """Train as one process of a job in function mode.

        Args:
            train: the job's entry point, in its folder; or the function to call in place of one.
            **variables: variables of this process.

        Raises:
            SmcError: what the core or a plugin refuses.
            Exception: whatever the user's code raises.

        """
        if isinstance(train, str):
            variables = {"SAGEMAKER_PROGRAM": train, **variables}
        with self._working(variables) as (plugins, environment):
            module = _loaded(plugins, environment) if isinstance(train, str) else _module(train)
            result: TrainResult = plugins.hook.train(environment=environment, module=module)
            return result

    def save_model(self, model: Any, **variables: str) -> str | None:
        """The path to which the first plugin that knows such a model has saved it; None if none does.

        Args:
            model: what the user's ``train`` would have returned.
            **variables: variables of this process, such as ``RANK="1"`` for one that does not write.

        Raises:
            PluginError: a plugin returned a path, but nothing is there.

        """
        with self._working(variables) as (plugins, environment):
            return plugins.save_model(environment, _module(), model)

    def keep_model(self, model: Any, **variables: str) -> str:
        """The path below ``output/data`` to which a model is written that could not be saved.

        Args:
            model: what the user's ``train`` would have returned.
            **variables: variables of this process.

        """
        with self._working(variables) as (plugins, environment):
            path = os.path.join(environment.output_data_dir, KEPT)
            kept: str = plugins.hook.keep_model(environment=environment, model=model, path=path)
            return kept

    @contextlib.contextmanager
    def _begun(self, variables: Mapping[str, str]) -> Iterator[tuple[Plugins, Environment]]:
        """While entered, this process has the variables of the container."""
        with _restored():
            _become(self.job.environ(**variables))
            plugins = self._loaded_plugins()
            yield plugins, plugins.create_environment(str(self.job.base))

    @contextlib.contextmanager
    def _working(self, variables: Mapping[str, str]) -> Iterator[tuple[Plugins, Environment]]:
        """While entered, this process is one that trains: it has the job's variables, folder and module path."""
        with self._begun(variables) as (plugins, environment):
            environ, _ = process_environ(environment, dict(os.environ))
            _become({**environ, **_added(plugins, environment)})
            path, modules = list(sys.path), set(sys.modules)
            os.chdir(environment.code_dir)
            try:
                yield plugins, environment
            finally:
                sys.path[:] = path
                for name in set(sys.modules) - modules:
                    if (getattr(sys.modules[name], "__file__", None) or "").startswith(environment.code_dir + os.sep):
                        del sys.modules[name]

    def _loaded_plugins(self) -> Plugins:
        manager = new_manager({})
        for name in sorted(self._plugins, reverse=True):  # called last to first
            register_loaded(manager, *self._plugins[name])
        if self._assumed:
            super(type(manager), manager).register(_Machine(self._assumed), _MACHINE)
        return Plugins(manager, [each for each, _ in self._plugins.values()])


class _Machine:
    """Answers for the machine, innermost: before any plugin sees the Environment."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @hookimpl(wrapper=True, trylast=True)
    def create_environment(self) -> Generator[None, Environment, Environment]:
        environment: Environment = yield
        extended: Environment = environment.extend(**self._fields)
        return extended


def _described(plugin: object, name: str | None) -> Installed:
    module = plugin.__name__ if isinstance(plugin, ModuleType) else ""
    for each in installed({}):
        if module and each.entry_point.partition(":")[0].strip() == module and name in (None, each.name):
            return each
    own = name or module.rpartition(".")[2] or type(plugin).__name__.lower()
    return Installed(own, own, "", module or own)


def _added(plugins: Plugins, environment: Environment) -> dict[str, str]:
    given = dict(os.environ)
    environ, _ = process_environ(environment, given)
    return {each.name: each.text for each in plugins.job_variables(environment, environ, given)}


def _loaded(plugins: Plugins, environment: Environment) -> ModuleType:
    module: ModuleType = plugins.hook.load_user_module(environment=environment)
    plugins.check_used_frameworks(environment.code_dir)
    return module


def _module(train: Callable[..., Any] | None = None) -> ModuleType:
    module = ModuleType("train")
    if train is not None:
        module.train = train  # type: ignore[attr-defined]
    return module


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    environ, folder = dict(os.environ), os.getcwd()
    try:
        yield
    finally:
        _become(environ)
        os.chdir(folder)


def _become(environ: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in environ]:
        del os.environ[name]
    os.environ.update(environ)
