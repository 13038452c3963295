"""Call a user's function with what it asks for by name.

What a parameter can be given, in this order: the Environment itself (``environment``, ``env``); any field of it,
plugins' fields too; ``<channel>_dir``; ``hyperparameters`` or ``hps``; one hyperparameter (``-`` as ``_``). An
annotation converts. All that is wrong is told at once, before the function runs.
"""

from __future__ import annotations

import importlib
import inspect
import os
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from smc_core.coroutines import finished as _finished
from smc_core.environment import ALIASES, Environment
from smc_core.errors import CodeError, ConfigurationError
from smc_core.masking import is_secret

_ENVIRONMENT_NAMES = ("environment", "env")
_NO_NAME = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_UNKNOWN = object()


@dataclass(frozen=True)
class Signature:
    """What a function asks for.

    Attributes:
        parameters: its named parameters, by name, in order.
        annotations: the types that they are annotated with, resolved where they can be.
        takes_all: whether it has ``**kwargs``, which gets everything.
    """

    parameters: Mapping[str, inspect.Parameter]
    annotations: Mapping[str, Any]
    takes_all: bool


@dataclass(frozen=True)
class _Offer:
    """A value that a parameter can be given: decoded, and the text it was decoded from where there is one."""

    value: Any
    label: str
    text: str | None = None
    secret: bool = False


def signature(fn: Callable[..., Any]) -> Signature:
    """What a function asks for.

    Args:
        fn: any callable that Python can tell the signature of.

    Raises:
        ConfigurationError: Python cannot tell it, as for some functions written in C.

    """
    try:
        found = inspect.signature(fn)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{_name(fn)} cannot be called by name: {error}") from error
    named = {name: p for name, p in found.parameters.items() if p.kind not in _NO_NAME}
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found.parameters.values())
    return Signature(named, _annotations(fn, named), takes_all)


def intersect_fn_args(fn: Callable[..., Any], environment: Environment | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a function can be called with, by parameter name.

    Args:
        fn: the function.
        environment: an Environment, or any mapping of values by name.

    Returns:
        A value for each parameter that somebody gives, converted as it is annotated; with ``**kwargs``, everything
        else too. A parameter with a default that nobody gives is left out.

    Raises:
        ConfigurationError: parameters that nobody gives, and values that do not fit their annotation: all of them.

    """
    wanted = signature(fn)
    offers = _offers(environment)
    chosen: dict[str, Any] = {}
    problems: list[str] = []
    for name, parameter in wanted.parameters.items():
        offer = offers.get(name)
        if offer is None:
            if parameter.default is inspect.Parameter.empty:
                problems.append(f"{name!r} is given by nobody{_nearest(name, offers)}")
            continue
        try:
            chosen[name] = _convert(offer, wanted.annotations.get(name, _UNKNOWN))
        except ValueError as error:
            problems.append(f"{name!r}: {error}")
    if problems:
        raise ConfigurationError(f"{_name(fn)} cannot be called: {'; '.join(problems)}")
    if wanted.takes_all:
        rest = {name: offer.value for name, offer in offers.items() if name not in wanted.parameters}
        chosen.update(rest)
    return chosen


def call(fn: Callable[..., Any], environment: Environment | Mapping[str, Any]) -> Any:
    """Call a function with the arguments that it asks for, and return what it returns.

    Args:
        fn: the function.
        environment: an Environment, or any mapping of values by name.

    Returns:
        What it returns; of an ``async def`` what it returns once it has run to its end, in a loop of its own. Where a
        loop is running already, the coroutine, to be awaited.

    Raises:
        ConfigurationError: it cannot be called (:func:`intersect_fn_args`); the function was not begun.

    """
    arguments = intersect_fn_args(fn, environment)
    positional = [
        arguments.pop(name)
        for name, parameter in signature(fn).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in arguments
    ]
    return _finished(fn(*positional, **arguments))


call_with_env = call
"""The seed's other name of :func:`call`."""


def execute(
    target: ModuleType | Callable[..., Any] | str, environment: Environment | Mapping[str, Any] | None = None
) -> Any:
    """Run a framework's training function.

    Args:
        target: a function; a module, whose ``train``, else ``main``, is run; or the name of either:
            ``keras_container.start``, ``keras_container.start:train_fn``.
        environment: what its parameters are given from; None makes an Environment.

    Returns:
        What the function returns.

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
        return _function(importlib.import_module(module_name), attribute)
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        parent, _, attribute = target.rpartition(".")
        if error.name != target or not parent:
            raise
        return _function(importlib.import_module(parent), attribute)


def _offers(environment: Environment | Mapping[str, Any]) -> dict[str, _Offer]:
    """Every value on offer, by parameter name; the first in the order of the module's docstring wins."""
    offers: dict[str, _Offer] = {}
    if not isinstance(environment, Environment):
        for name, value in environment.items():
            offers.setdefault(name, _Offer(value, repr(name)))
        offers.setdefault("environment", _Offer(environment, "the environment"))
        return offers
    for name in _ENVIRONMENT_NAMES:
        offers[name] = _Offer(environment, "the environment")
    for name in (*type(environment).model_fields, *type(environment).model_computed_fields, *ALIASES):
        offers.setdefault(name, _Offer(getattr(environment, name), f"the environment's {name}"))
    for channel, folder in environment.channel_dirs.items():
        for name in (f"{channel}_dir", _identifier(f"{channel}_dir")):
            offers.setdefault(name, _Offer(folder, f"the folder of channel {channel!r}"))
    for key, text in environment.hp_texts.items():
        offer = _Offer(environment.hps[key], f"hyperparameter {key!r}", text, is_secret(key))
        for name in (key, _identifier(key)):
            offers.setdefault(name, offer)
    return offers


def _identifier(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _convert(offer: _Offer, annotation: Any) -> Any:
    """The value as its annotation wants it: first what was decoded, then the text it was decoded from."""
    if annotation in (_UNKNOWN, Any, inspect.Parameter.empty):
        return offer.value
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except PydanticUserError:
        return offer.value  # a class that pydantic knows nothing of: nothing to convert to
    try:
        return adapter.validate_python(_for_model(offer.value, annotation))
    except ValidationError as first:
        if offer.text is not None:
            try:
                return adapter.validate_python(offer.text)
            except ValidationError:
                pass  # the first error speaks of the value that the user means
        shown = "(masked)" if offer.secret else _shortened(offer.value)
        raise ValueError(f"{offer.label} is {shown}, not {_type_name(annotation)}: {_details(first)}") from first


def _for_model(value: Any, annotation: Any) -> Any:
    """Hyperparameters for a pydantic model: each name also as an identifier."""
    fields = getattr(annotation, "model_fields", None)
    if fields is None or not isinstance(value, Mapping) or isinstance(value, Environment):
        return value
    return {**{_identifier(key): item for key, item in value.items() if _identifier(key) in fields}, **value}


def _details(error: Any) -> str:
    parts = []
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(step) for step in item["loc"])
        parts.append(f"{place}: {item['msg']}" if place else item["msg"])
    return ", ".join(parts)


def _annotations(fn: Callable[..., Any], named: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is any code, and converts nothing where it cannot be read
        hints = {name: p.annotation for name, p in named.items() if not isinstance(p.annotation, str)}
    return {name: hint for name, hint in hints.items() if name in named}


def _nearest(name: str, offers: Mapping[str, _Offer]) -> str:
    import difflib

    matches = difflib.get_close_matches(name, list(offers), n=1)
    return f" (nearest: {matches[0]!r})" if matches else ""


def _name(fn: Callable[..., Any]) -> str:
    name = getattr(fn, "__qualname__", None) or repr(fn)
    code = getattr(inspect.unwrap(fn) if callable(fn) else fn, "__code__", None)
    where = f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})" if code else ""
    return f"{name}(){where}"


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _shortened(value: Any, width: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def _function(module: ModuleType, attribute: str) -> Callable[..., Any]:
    function = getattr(module, attribute, None)
    if not callable(function):
        raise CodeError(f"module {module.__name__!r} has no function {attribute!r}")
    return function  # type: ignore[no-any-return]
