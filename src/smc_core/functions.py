"""Calls a user's function with the arguments that its parameters ask for by name.

:mod:`smc_core.parameters` says which values a parameter can get, and in which order of precedence.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from smc_core.coroutines import finished as _finished
from smc_core.environment import Environment
from smc_core.errors import CodeError, ConfigurationError
from smc_core.parameters import Signature, function_name, match

__all__ = ["Signature", "call", "call_with_env", "execute", "import_target", "intersect_fn_args", "signature"]

_NO_NAME = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature(fn: Callable[..., Any]) -> Signature:
    """The parameters of a function.

    Args:
        fn: any callable whose signature Python knows.

    Raises:
        ConfigurationError: Python does not know its signature, as for some functions written in C.

    """
    try:
        found = inspect.signature(fn)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{function_name(fn)} cannot be called by name: {error}") from error
    named = {name: p for name, p in found.parameters.items() if p.kind not in _NO_NAME}
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found.parameters.values())
    return Signature(named, _annotations(fn, named), takes_all)


def intersect_fn_args(fn: Callable[..., Any], environment: Environment | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a function can be called with, by parameter name.

    Args:
        fn: the function.
        environment: an Environment, or any mapping of values by name.

    Returns:
        A value for each parameter that something provides, converted to its annotation; with ``**kwargs``, everything
        else, too. A parameter with a default that nothing provides is omitted.

    Raises:
        ConfigurationError: parameters that nothing provides, and values that do not fit their annotation: all of them.

    """
    return match(signature(fn), environment, function_name(fn))


def call(fn: Callable[..., Any], environment: Environment | Mapping[str, Any]) -> Any:
    """Call a function with the arguments it asks for, and return its result.

    Args:
        fn: the function.
        environment: an Environment, or any mapping of values by name.

    Returns:
        Its result. An ``async def`` is run to its end in a new event loop; if a loop is already running, the coroutine
        is returned, to be awaited.

    Raises:
        ConfigurationError: it cannot be called (:func:`intersect_fn_args`); the function has not been started.

    """
    arguments = intersect_fn_args(fn, environment)
    positional = [
        arguments.pop(name)
        for name, parameter in signature(fn).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in arguments
    ]
    return _finished(fn(*positional, **arguments))


call_with_env = call
"""Another name of :func:`call`."""


def execute(
    target: ModuleType | Callable[..., Any] | str, environment: Environment | Mapping[str, Any] | None = None
) -> Any:
    """Run a framework's training function.

    Args:
        target: a function; a module, whose ``train`` or else ``main`` is run; or the name of either:
            ``keras_container.start``, ``keras_container.start:train_fn``.
        environment: provides the values of its parameters; None creates an Environment.

    Returns:
        The result of the function.

    Raises:
        ConfigurationError: there is no such function, or it cannot be called.

    """
    if isinstance(target, str):
        target = import_target(target)
    if isinstance(target, ModuleType):
        names = [name for name in ("train", "main") if callable(getattr(target, name, None))]
        if not names:
            raise ConfigurationError(f"module {target.__name__!r} has neither train() nor main()")
        target = typing.cast("Callable[..., Any]", getattr(target, names[0]))
    return call(target, Environment.create() if environment is None else environment)


def import_target(target: str) -> ModuleType | Callable[..., Any]:
    """Import ``package.module``, ``package.module:function`` or ``package.module.function``.

    Raises:
        CodeError: there is no such module or function.

    """
    module_name, _, attribute = target.partition(":")
    if attribute:
        return _function(_module(module_name, target), attribute)
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        parent, _, attribute = target.rpartition(".")
        if error.name != target or not parent:
            _refuse_if_absent(target, target, error)
            raise
        return _function(_module(parent, target), attribute)


def _annotations(fn: Callable[..., Any], named: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is arbitrary code; one that cannot be read is ignored
        hints = {name: p.annotation for name, p in named.items() if not isinstance(p.annotation, str)}
    return {name: hint for name, hint in hints.items() if name in named}


def _module(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        _refuse_if_absent(name, target, error)
        raise


def _refuse_if_absent(name: str, target: str, error: ModuleNotFoundError) -> None:
    """Refuse a target whose own module is absent; an import in that module that fails is the module's own error."""
    if error.name is not None and f"{name}.".startswith(f"{error.name}."):
        raise CodeError(
            f"{target!r} cannot be imported: there is no module {error.name!r}; install what provides it, or correct "
            f"the name"
        ) from error


def _function(module: ModuleType, attribute: str) -> Callable[..., Any]:
    function = getattr(module, attribute, None)
    if not callable(function):
        raise CodeError(f"module {module.__name__!r} has no function {attribute!r}")
    return function  # type: ignore[no-any-return]
