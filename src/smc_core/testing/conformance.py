"""Tests that every plugin should pass; a plugin joins by a class of a few lines.

::

    from smc_core.testing.conformance import PluginConformance, SaveModelConformance

    class TestKeras(PluginConformance):
        plugin = "keras"
        framework = "keras"

    class TestSave(SaveModelConformance):
        plugin = "keras"

        def make_model(self):
            import keras
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
"""

from __future__ import annotations

import os
import subprocess
import sys
import types
import warnings
from typing import Any, ClassVar

from smc_core.compatibility import requirements
from smc_core.distributions import Distributions
from smc_core.errors import PluginError
from smc_core.plugins import HOOKS, Installed, Plugins, installed, new_manager, register
from smc_core.testing.job_folder import JobFolder
from smc_core.variables import process_environ


class _OfPlugin:
    plugin: ClassVar[str]
    """Name of the plugin's entry point."""

    def installed(self) -> Installed:
        """The plugin, as its distribution publishes it."""
        for plugin in installed({}):
            if plugin.name == self.plugin:
                return plugin
        raise PluginError(f"no plugin {self.plugin!r} is installed: pip install -e the distribution under test")

    def load(self) -> Plugins:
        """The plugin alone with the core's own answers."""
        manager = new_manager()
        plugin = self.installed()
        register(manager, plugin)
        return Plugins(manager, [plugin])


class PluginConformance(_OfPlugin):
    """What holds for every plugin: it is found, it loads, it answers hooks, and it leaves its framework alone."""

    framework: ClassVar[str | None] = None
    """Top package of the framework that the plugin adapts; None where there is none."""

    def test_it_loads_and_answers_a_hook(self) -> None:
        plugins = self.load()
        assert any(self.plugin in plugins.callers(hook) for hook in HOOKS)

    def test_what_it_should_no_longer_use_is_a_warning(self) -> None:
        for sentence in self.load().deprecated:
            warnings.warn(sentence, DeprecationWarning, stacklevel=1)

    def test_loading_it_imports_no_framework(self) -> None:
        if self.framework is None:
            return
        module = self.installed().entry_point.partition(":")[0]
        package = module.partition(".")[0]
        script = f"import sys, {module}, {package}; sys.exit({self.framework!r} in sys.modules)"
        subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603 - an argument list

    def test_it_makes_an_environment_of_an_empty_job(self, job: JobFolder) -> None:
        plugins = self.load()
        before = dict(os.environ)
        try:
            environment = plugins.create_environment(str(job.base))
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert environment.base_dir == str(job.base)

    def test_its_framework_is_that_of_an_extra(self) -> None:
        for plugin, framework in self.load().manager.frameworks:
            assert framework.package == self.framework
            own = Distributions().get(plugin.distribution)
            assert list(requirements(own, framework.extra)), f"{plugin.distribution} has no extra {framework.extra!r}"

    def test_its_variables_are_text_and_it_sets_none_itself(self, job: JobFolder) -> None:
        plugins = self.load()
        before = dict(os.environ)
        try:
            environment = plugins.create_environment(str(job.base))
            environ, _ = process_environ(environment, before)
            shared = dict(os.environ)
            plugins.job_variables(environment, environ, before)
            assert dict(os.environ) == shared, "job_variables changes this process's own variables; return them instead"
        finally:
            os.environ.clear()
            os.environ.update(before)


class SaveModelConformance(_OfPlugin):
    """What holds for every answer to ``save_model``."""

    def make_model(self) -> Any:
        """A small model of the framework."""
        raise NotImplementedError("make_model() must return a model of the plugin's framework")

    def _save(self, job: JobFolder, model: Any, **fields: Any) -> str | None:
        plugins = self.load()
        environment = plugins.create_environment(str(job.base)).extend(**fields)
        hook = plugins.manager.subset_hook_caller(
            "save_model", [p for p in plugins.manager.get_plugins() if plugins.manager.get_name(p) != self.plugin]
        )
        path: str | None = hook(environment=environment, module=types.ModuleType("train"), model=model)
        return path

    def test_a_model_of_its_framework_is_saved_below_the_model_folder(self, job: JobFolder) -> None:
        path = self._save(job, self.make_model())
        assert path is not None
        assert os.path.exists(path)
        assert os.path.commonpath([path, str(job.base / "model")]) == str(job.base / "model")

    def test_another_model_is_left_to_the_others(self, job: JobFolder) -> None:
        for other in (object(), "text", {"weights": [1.0]}, [1], 3.5):
            assert self._save(job, other) is None
        assert list((job.base / "model").iterdir()) == []

    def test_only_the_primary_writes(self, job: JobFolder) -> None:
        self._save(job, self.make_model(), is_primary=False)
        assert list((job.base / "model").iterdir()) == []
