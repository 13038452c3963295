"""Traces every call of a hook, a line for each function that runs; imported only if ``SMC_TRACE_HOOKS`` asks for it.

Of an answer, only its class and the names of variables are printed: values and messages may contain secrets.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from smc_core.plugins.calls import Calls
from smc_core.plugins.discovery import Installed
from smc_core.plugins.patience import Patience, say
from smc_core.version import __version__
from smc_core.words import how_long, some_of

if TYPE_CHECKING:
    import pluggy

_BUILTIN = Installed("builtin", "smc-core", __version__, "smc_core.builtin")
"""Whose the core's own answers are."""
_MOST_NAMES = 8

Event = Literal["begin", "answer", "before", "after", "end"]
"""``begin`` and ``end`` are of the hook; ``before`` and ``after`` are the two parts of a wrapper, around its yield."""

_PARTS: dict[Event, str] = {"before": ", wrapper, before its yield", "after": ", wrapper, after its yield"}


class Outcome(NamedTuple):
    """The result of a function.

    Attributes:
        kind: ``answered``; ``passed on``, of a wrapper that returns what its yield gave; ``none``; ``raised``;
            ``yielded``, of the first part of a wrapper.
        what: class of the answer or of the exception, or the names of variables; empty if there is neither.
    """

    kind: Literal["answered", "passed on", "none", "raised", "yielded"]
    what: str = ""

    def __str__(self) -> str:
        return "answered None" if self.kind == "none" else f"{self.kind} {self.what}".rstrip()


class Step(NamedTuple):
    """What has just begun or ended.

    Attributes:
        hook: name of the hook.
        event: which part of its call.
        depth: how many calls and wrappers are around it.
        plugin: whose code it was; None for the call of the hook itself.
        seconds: how long it took; None at the beginning.
        outcome: how it ended; None at the beginning.
    """

    hook: str
    event: Event
    depth: int
    plugin: Installed | None
    seconds: float | None
    outcome: Outcome | None

    def line(self) -> str:
        """For people."""
        part = _PARTS.get(self.event, "")
        who = f"hook {self.hook}" if self.plugin is None else f"{self.plugin.label}{part}"
        ended = "" if self.seconds is None else f": {self.outcome}, {how_long(self.seconds)}"
        return f"[{os.getpid()}] {'  ' * self.depth}{who}{ended}"

    def record(self) -> dict[str, Any]:
        """For programs."""
        record: dict[str, Any] = {"hook": self.hook, "event": self.event, "depth": self.depth, "pid": os.getpid()}
        if self.plugin is not None:
            name, distribution, version = self.plugin[:3]
            record |= {"plugin": name, "distribution": distribution, "version": version}
            record["wrapper"] = self.event != "answer"
        if self.seconds is not None and self.outcome is not None:
            record |= {"seconds": round(self.seconds, 6), "outcome": self.outcome.kind, "what": self.outcome.what}
        return record


class TracedCalls(Calls):
    """Calls hooks as :class:`Calls` does, and prints what runs, in what order, for how long, and how it ended."""

    def __init__(self, manager: pluggy.PluginManager, patience: Patience, *, as_json: bool) -> None:
        super().__init__(manager, patience)
        self._as_json = as_json
        self._depth = 0
        self._known = {_BUILTIN.name: _BUILTIN}
        self._traced: set[pluggy.HookImpl] = set()

    def check_calls_of(self, plugin: Installed, loaded: object) -> None:
        """Does what :class:`Calls` does, and remembers the name of the plugin."""
        super().check_calls_of(plugin, loaded)
        self._known[plugin.name] = plugin

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook of every plugin; raises what :meth:`Calls.call` does."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation not in self._traced:
                self._traced.add(implementation)
                self._trace(hook, implementation)
        self._report(hook, "begin")
        depth = self._depth
        self._depth += 1
        begun = time.perf_counter()
        try:
            answer = super().call(hook, **arguments)
        except BaseException as error:
            self._depth = depth
            self._report(hook, "end", begun, _raised(error))
            raise
        self._depth = depth  # a wrapper that was closed has not come back
        self._report(hook, "end", begun, _answered(answer))
        return answer

    def _trace(self, hook: str, implementation: pluggy.HookImpl) -> None:
        name = implementation.plugin_name
        plugin = self._known.get(name, Installed(name, name, "", name))
        traced = self._around if implementation.wrapper else self._answering
        implementation.function = traced(hook, plugin, implementation.function)  # type: ignore[misc]

    def _answering(self, hook: str, plugin: Installed, function: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*arguments: Any) -> Any:
            begun = time.perf_counter()
            try:
                answer = function(*arguments)
            except BaseException as error:
                self._report(hook, "answer", begun, _raised(error), plugin)
                raise
            self._report(hook, "answer", begun, _answered(answer), plugin)
            return answer

        return traced

    def _around(
        self, hook: str, plugin: Installed, function: Callable[..., Any]
    ) -> Callable[..., Generator[None, Any, Any]]:
        def traced(*arguments: Any) -> Generator[None, Any, Any]:
            running = function(*arguments)
            begun = time.perf_counter()
            try:
                next(running)
            except BaseException as error:
                self._report(hook, "before", begun, _raised(error), plugin)
                raise
            self._report(hook, "before", begun, Outcome("yielded"), plugin)
            self._depth += 1
            inner = None
            try:
                inner = yield
            except GeneratorExit:
                running.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is thrown on
                thrown = error
                go_on: Callable[[], Any] = lambda: running.throw(thrown)  # noqa: E731
            else:
                go_on = lambda: running.send(inner)  # noqa: E731
            self._depth -= 1
            return self._second_part(hook, plugin, go_on, inner)

        return traced

    def _second_part(self, hook: str, plugin: Installed, go_on: Callable[[], Any], inner: Any) -> Any:
        begun = time.perf_counter()
        try:
            go_on()  # always raises: the generator has one yield
        except StopIteration as stop:
            answer = stop.value
            is_same = answer is inner is not None
            outcome = _answered(answer)
            self._report(hook, "after", begun, outcome._replace(kind="passed on") if is_same else outcome, plugin)
            return answer
        except BaseException as error:
            self._report(hook, "after", begun, _raised(error), plugin)
            raise

    def _report(
        self,
        hook: str,
        event: Event,
        begun: float | None = None,
        outcome: Outcome | None = None,
        plugin: Installed | None = None,
    ) -> None:
        seconds = None if begun is None else time.perf_counter() - begun
        step = Step(hook, event, self._depth, plugin, seconds, outcome)
        say(json.dumps(step.record()) if self._as_json else step.line())


def _raised(error: BaseException) -> Outcome:
    return Outcome("raised", type(error).__qualname__)


def _answered(answer: object) -> Outcome:
    if answer is None or answer == []:
        return Outcome("none")
    if isinstance(answer, Mapping):
        return Outcome("answered", some_of(sorted(answer), _MOST_NAMES))
    if isinstance(answer, list):
        return Outcome("answered", f"{len(answer)} answer{'s' if len(answer) > 1 else ''}")
    return Outcome("answered", type(answer).__qualname__)
