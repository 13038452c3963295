"""What holds for every plugin, and what all of these classes share."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, TypeVar

import pytest

from smc_core.compatibility import is_installed, requirements
from smc_core.distributions import Distributions
from smc_core.errors import PluginError
from smc_core.plugins import HOOKS, Installed, Plugins, new_manager, register
from smc_core.setting import Setting
from smc_core.testing.conformance.fresh_import import FreshImport, fresh_import
from smc_core.testing.conformance.time_limit import TooLongError, at_most
from smc_core.testing.published import published

_ATTEMPTS = 3
_OF_A_JOB = ("SM_", "SMC_", "SAGEMAKER_")

ResultT = TypeVar("ResultT")


@cache
def _published(name: str) -> Installed:
    return published(name)


class OfPlugin:
    """What all these classes share: the plugin, alone with the core's own answers.

    Attributes:
        plugin: name of the plugin's entry point.
        seconds: how long its import and each of its hooks may take; what takes longer is taken to hang.
    """

    plugin: ClassVar[str]
    seconds: ClassVar[float] = 60.0
    _hung: ClassVar[set[tuple[str, str]]] = set()
    """Plugins and hooks that have taken too long: they are not waited for again."""

    @pytest.fixture(autouse=True)
    def _process_as_it_was(self) -> Iterator[None]:
        environ, path, folder = dict(os.environ), list(sys.path), os.getcwd()
        for name in [name for name in environ if name.startswith(_OF_A_JOB)]:
            del os.environ[name]
        yield
        os.environ.clear()
        os.environ.update(environ)
        sys.path[:] = path
        os.chdir(folder)

    def installed(self) -> Installed:
        """The plugin, as its distribution publishes it.

        Raises:
            PluginError: it is not installed.

        """
        return _published(self.plugin)

    def fresh(self, attempt: int = 0) -> FreshImport:
        """What happens where its module is imported first, in an interpreter of its own."""
        return fresh_import(self.installed().entry_point.partition(":")[0].strip(), self.seconds, attempt)

    def load(self) -> Plugins:
        """The plugin, loaded and registered, with the core's own answers and no other plugin.

        Raises:
            PluginError: it cannot be loaded.
            TooLongError: its import does not return.

        """
        plugin, manager = self.installed(), new_manager()
        if (fresh := self.fresh()).wrong.startswith("did not"):
            raise TooLongError(f"the import of {plugin.entry_point} {fresh.wrong}")
        with at_most(self.seconds, f"the import of {plugin.entry_point}"):
            register(manager, plugin)
        return Plugins(manager, [plugin])

    def loaded(self) -> Plugins:
        """The same, for a test of something else: it is skipped where the plugin cannot be loaded."""
        try:
            return self.load()
        except (PluginError, TooLongError):
            pytest.skip("the plugin cannot be loaded: test_it_loads says why")

    def ask(self, hook: str, call: Callable[[], ResultT]) -> ResultT:
        """Call a hook, for the test that is about what it answers: whatever it does wrong fails that test."""
        try:
            with at_most(self.seconds, f"hook {hook} of plugin {self.plugin}"):
                return call()
        except TooLongError:
            self._hung.add((self.plugin, hook))
            raise
        except Exception as error:
            raise AssertionError(f"hook {hook} of plugin {self.plugin}: {error or type(error).__name__}") from error

    def answer(self, hook: str, call: Callable[[], ResultT], test: str) -> ResultT:
        """Call a hook, for a test of something more: it is skipped where the named test fails."""
        reason = f"hook {hook} cannot be called: {test} says why"
        if (self.plugin, hook) in self._hung:
            pytest.skip(reason)
        try:
            return self.ask(hook, call)
        except AssertionError:
            pytest.skip(reason)

    def needs_framework(self) -> None:
        """Skip the test where the plugin names its framework, and that is not installed."""
        for _, framework in self.loaded().manager.frameworks:
            if not is_installed(framework.package):
                pytest.skip(f"{framework.package} is not installed")

    def answers(self, plugins: Plugins, hook: str) -> None:
        """Skip the test where the plugin does not answer a hook."""
        if self.plugin not in plugins.callers(hook):
            pytest.skip(f"the plugin does not answer hook {hook}")

    def environment(self, plugins: Plugins, base_dir: object) -> Any:
        """The Environment of a job, for a test of another hook."""
        return self.answer(
            "create_environment",
            lambda: plugins.create_environment(str(base_dir)),
            "EnvironmentTests.test_it_creates_an_environment",
        )

    def test_it_loads(self) -> None:
        """It is installed, its import returns, and the functions that answer hooks have the form that hooks have."""
        try:
            self.load()
        except PluginError as error:
            raise AssertionError(str(error)) from error
        wrong = self.fresh().wrong
        assert not wrong, f"its import, where nothing else is imported, {wrong}"


class PluginTests(OfPlugin):
    """What holds for every plugin: it is found, loads quickly and quietly, and leaves its framework alone.

    Attributes:
        framework: top package of the framework that the plugin adapts, where its ``FRAMEWORK`` does not say so.
        import_seconds: how long the import of its module may take: every job waits for it.
    """

    framework: ClassVar[str | None] = None
    import_seconds: ClassVar[float] = 0.5

    def imported(self, attempt: int = 0) -> FreshImport:
        """Its import; the test is skipped where that does not come to its end."""
        self.loaded()
        if (fresh := self.fresh(attempt)).wrong:
            pytest.skip("the plugin cannot be imported: test_it_loads says why")
        return fresh

    def test_it_answers_a_hook(self) -> None:
        """A plugin answers one hook at least."""
        plugins = self.loaded()
        answered = [hook for hook in HOOKS if self.plugin in plugins.callers(hook)]
        assert answered, (
            f"{self.installed().entry_point} has no function that is marked with @hookimpl; let the entry point name "
            "the module that has them, such as smc_loom.plugin"
        )

    def test_a_function_with_the_name_of_a_hook_answers_it(self) -> None:
        """Without ``@hookimpl`` it is never called."""
        plugins = self.loaded()
        module = plugins.manager.get_plugin(self.plugin)
        forgotten = [
            hook
            for hook in HOOKS
            if inspect.isfunction(getattr(module, hook, None)) and self.plugin not in plugins.callers(hook)
        ]
        assert not forgotten, f"mark {' and '.join(forgotten)} with @hookimpl: without it nothing calls them"

    def test_what_it_should_no_longer_use_is_a_warning(self) -> None:
        """Hooks and arguments that were renamed work on for a while; the warning says what to write."""
        for sentence in self.loaded().deprecated:
            warnings.warn(sentence, DeprecationWarning, stacklevel=1)

    def test_its_import_prints_nothing(self) -> None:
        """Stdout and stderr are the job's: a plugin that is imported prints to neither."""
        printed = self.imported().printed
        assert not printed, f"its import prints {printed!r}"

    def test_its_import_is_quick(self) -> None:
        """Every job waits for the import of every plugin, also one that does without it: the best of three counts."""
        imports = [self.imported()]
        while imports[-1].seconds > self.import_seconds and len(imports) < _ATTEMPTS:
            imports.append(self.imported(len(imports)))
        best = min(imports)
        assert best.seconds <= self.import_seconds, (
            f"its import takes {best.seconds:.2f} s, more than {self.import_seconds:g} s; import inside the hooks "
            f"what takes long; it imports {', '.join(best.foreign)}"
        )

    def test_its_import_leaves_its_framework_alone(self) -> None:
        """A framework is imported inside the hooks, by the jobs that use it."""
        declared = {framework.package for _, framework in self.loaded().manager.frameworks}
        wanted = declared if self.framework is None else {*declared, self.framework}
        found = sorted(wanted.intersection(self.imported().packages))
        assert not found, f"its import imports {', '.join(found)}; import it inside the hooks"

    def test_its_framework_is_that_of_an_extra(self) -> None:
        """The versions that it works with stand in an extra of its distribution, where the core reads them."""
        for plugin, framework in self.loaded().manager.frameworks:
            assert self.framework in (None, framework.package), (
                f"FRAMEWORK names {framework.package!r}, and this class names framework = {self.framework!r}"
            )
            named = [each.name for each in requirements(Distributions().get(plugin.distribution), framework.extra)]
            assert named, f"{plugin.distribution} has no extra {framework.extra!r}"
            are_there = all(Distributions().get(name) for name in named)
            assert is_installed(framework.package) or not are_there, (
                f"extra {framework.extra!r} names {', '.join(named)}, which is installed; a package "
                f"{framework.package!r}, which FRAMEWORK names, is not"
            )

    def test_it_says_which_versions_of_smc_core_it_works_with(self) -> None:
        """Its distribution requires smc-core in a range: the core compares, and names both versions on a mismatch."""
        own = Distributions().get(self.loaded().installed[0].distribution)
        ranges = [
            str(each.specifier) for each in requirements(own) if each.name.lower().replace("_", "-") == "smc-core"
        ]
        assert any(ranges), f"{own.name if own else self.plugin} does not require smc-core in a range of versions"

    def test_its_settings_are_settings(self) -> None:
        """What it lists in SETTINGS can be read by ``smc why``: each is of ``smc_core.setting``."""
        module = self.loaded().manager.get_plugin(self.plugin)
        wrong = [each for each in getattr(module, "SETTINGS", ()) if not isinstance(each, Setting)]
        assert not wrong, f"SETTINGS lists {wrong[0]!r}, which is none"
