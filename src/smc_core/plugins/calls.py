"""The one place where the code of plugins is called: it holds each plugin to the contract of the hooks it answers.

Every function of a plugin that answers a hook is called through a function of this module. That records which plugin's
code is running (``patience.py``), checks the answer (``answers.py``), and remembers which plugin an exception came from
first. The exception itself passes unchanged, so that wrappers around the plugin see what was raised. When it leaves the
hook call, it becomes the plugin's fault, or stays the user's (``faults.py``).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from smc_core.errors import PluginError, PluginLoadError, SmcError
from smc_core.plugins import answers, deprecations, faults, leaving, owned
from smc_core.plugins.patience import Patience, say

if TYPE_CHECKING:
    from types import FrameType

    from smc_core.plugins.discovery import Installed


class Site(NamedTuple):
    """Where a plugin's code runs: the plugin, and the hook that it answers there."""

    plugin: Installed
    hook: str

    def __str__(self) -> str:
        return f"plugin {self.plugin.label}, hook {self.hook}"

    def signed(self, answer: Any) -> Any:
        """The plugin's answer, with the plugin's name if that is needed later."""
        return owned.signed(answer, self.plugin) if self.hook == owned.HOOK else answer

    def fault(self, what: str) -> PluginError:
        """The error for what the plugin did there."""
        return PluginError(faults.sentence(self.plugin, self.hook, what))


class Calls:
    """Calls the hooks of a plugin manager.

    Attributes:
        answered: the plugins that answered the last call of a hook, in the order of their answers.
        patience: logs which plugin is being waited for.
    """

    def __init__(self, manager: pluggy.PluginManager, patience: Patience) -> None:
        self._manager = manager
        self._homes: tuple[str, ...] = ()
        self._sites: list[tuple[str, Site]] = []
        self._origin: tuple[BaseException, Site] | None = None
        self._iteration: BaseException | None = None
        self.patience = patience
        self.answered: list[Installed] = []

    def __getattr__(self, hook: str) -> Callable[..., Any]:
        if hook.startswith("_"):
            raise AttributeError(hook)
        return lambda **arguments: self.call(hook, **arguments)

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook of every plugin.

        Raises:
            PluginError: a plugin has broken the hook's contract.
            BaseException: an exception of the user's code, or one that a plugin raised on purpose (SmcError).

        """
        self._origin, self._iteration, self.answered = None, None, []
        try:
            with self._leaving(hook):
                return getattr(self._manager.hook, hook)(**deprecations.with_old_names(hook, arguments))
        except BaseException as error:
            origin, self._origin = self._origin, None
            if isinstance(error, faults.LeavingError) and error.site is not None:
                raise faults.describe(error.site.plugin, error.site.hook, error) from error
            if self._iteration is not None and error.__cause__ is self._iteration:
                raise self._iteration from None  # a generator turned the StopIteration into a RuntimeError (PEP 479)
            if origin is None or origin[0] is not error or not faults.is_of_plugin(error, self._homes):
                raise
            site = origin[1]
            raise faults.describe(site.plugin, site.hook, error) from error

    def _leaving(self, hook: str) -> contextlib.AbstractContextManager[None]:
        """Keep plugins from calling ``os._exit`` in a hook that they answer."""
        if all(site.hook != hook for _, site in self._sites):
            return contextlib.nullcontext()
        return leaving.refused(lambda frame: self._caller(hook, frame), always=hook in leaving.WITHOUT_USER_CODE)

    def _caller(self, hook: str, frame: FrameType | None) -> Site | None:
        """The plugin that makes a call: the nearest frame that is not a library's decides."""
        while frame is not None:
            file = faults.file_of(frame)
            for home, site in self._sites:
                if site.hook == hook and file.startswith(home):
                    return site
            if faults.is_users(frame, self._homes):
                return None
            frame = frame.f_back
        return None

    def check_calls_of(self, plugin: Installed, loaded: object) -> None:
        """Replace every function by which a registered plugin answers a hook by one that checks its calls.

        Raises:
            PluginLoadError: one has the wrong form.

        """
        home = faults.home_of(loaded)
        self._homes = (*self._homes, *([home] if home else []))
        for caller in self._manager.get_hookcallers(loaded) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is loaded:
                    site = Site(plugin, caller.name)
                    if problem := _wrong_form(implementation):
                        raise PluginLoadError(faults.sentence(plugin, caller.name, problem))
                    if home is not None:
                        self._sites.append((home, site))
                    checked = self._wrapper if implementation.wrapper else self._plain
                    implementation.function = checked(site, implementation.function)  # type: ignore[misc]

    @contextlib.contextmanager
    def _running(self, site: Site, who: str) -> Iterator[None]:
        """While entered, a plugin's code runs, or its answer is read; remembers what is raised there, and by whom."""
        with self.patience.waiting_for(who):
            try:
                yield
            except BaseException as error:
                self._origin = (error, site)
                raise

    def _plain(self, site: Site, function: Callable[..., Any]) -> Callable[..., Any]:
        who = str(site)

        def checked(*arguments: Any, **more: Any) -> Any:
            with self._running(site, who):
                answer = site.signed(function(*arguments, **more))
                problem = answers.wrong(site.hook, answer)
            if problem:
                raise site.fault(problem)
            if answer is not None:
                self.answered.append(site.plugin)
            return answer

        return checked

    def _wrapper(self, site: Site, function: Callable[..., Any]) -> Callable[..., Generator[None, Any, Any]]:
        def checked(*arguments: Any, **more: Any) -> Generator[None, Any, Any]:
            running = function(*arguments, **more)
            ended, _ = self._resume(site, running.__next__)
            if ended:
                raise site.fault("is a wrapper, and returned before it came to its yield")
            try:
                inner = yield
            except GeneratorExit:
                running.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                thrown = error
            else:
                return self._after(site, running, inner)
            self._after_error(site, running, thrown)
            raise thrown

        return checked

    def _resume(self, site: Site, go_on: Callable[[], Any]) -> tuple[bool, Any]:
        """Run a wrapper's code up to its next ``yield``; returns whether it has returned, and what."""
        origin = self._origin
        try:
            with self._running(site, str(site)):
                go_on()
        except StopIteration as stop:  # how a generator returns
            self._origin = origin
            return True, stop.value
        return False, None

    def _after(self, site: Site, running: Generator[None, Any, Any], inner: Any) -> Any:
        ended, answer = self._resume(site, lambda: running.send(inner))
        if not ended:
            raise self._second_yield(site, running)
        with self._running(site, str(site)):
            answer = site.signed(answer) if isinstance(answer, list) else answer
            problem = answers.wrong_after(site.hook, answer, inner)
        if problem:
            raise site.fault(problem)
        if answer is not inner:
            self.answered.append(site.plugin)
        return answer

    def _after_error(self, site: Site, running: Generator[None, Any, Any], thrown: BaseException) -> None:
        """Throw an exception of the wrapped code into a wrapper; it stays the cause, whatever the wrapper does."""
        origin = self._origin
        if isinstance(thrown, StopIteration):
            self._iteration = thrown
        try:
            ended, _ = self._resume(site, lambda: running.throw(thrown))
        except BaseException as error:
            self._origin = origin
            if error is thrown or error.__cause__ is thrown is self._iteration:
                return
            if isinstance(error, SmcError) or faults.is_stop(error):
                raise
            did = f"raised {faults.in_words(error)}"
        else:
            did = "swallowed it" if ended else "went on to a second yield"
            running.close()
        words = faults.in_words(thrown)
        say(f"{site} was given {words}, and {did}; {type(thrown).__qualname__} stays the cause")

    def _second_yield(self, site: Site, running: Generator[None, Any, Any]) -> PluginError:
        with contextlib.suppress(BaseException):  # its reaction does not matter
            running.close()
        return site.fault("is a wrapper, and yields more than once")


def _wrong_form(implementation: pluggy.HookImpl) -> str | None:
    """What is wrong with the form of a function that answers a hook; None if nothing is."""
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "is an async function, which nobody awaits; make it a plain one"
    if implementation.hookwrapper:
        return "is marked hookwrapper=True; mark it wrapper=True, and return the result"
    if inspect.isgeneratorfunction(function) and not implementation.wrapper:
        return "has a yield, and is not marked as a wrapper: @hookimpl(wrapper=True)"
    return None
