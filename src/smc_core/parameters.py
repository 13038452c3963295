"""Matches the parameters of a function with the values of a job, by name.

In this order: the Environment itself (``environment``, ``env``); any field of it, including those of plugins;
``<channel>_dir``; ``hyperparameters`` or ``hps``; a single hyperparameter (``-`` as ``_``). Annotations convert. All
errors are reported at once.
"""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smc_core.annotated import fits
from smc_core.environment import ALIASES, Environment, fields
from smc_core.errors import ConfigurationError
from smc_core.frozen import properties
from smc_core.printable import shortened
from smc_core.secret_names import is_secret
from smc_core.settings import STRICT
from smc_core.words import nearest

_ENVIRONMENT_NAMES = ("environment", "env")
_UNKNOWN = object()
_WHOLE_HYPERPARAMETERS = frozenset({*_ENVIRONMENT_NAMES, "hyperparameters", "hps", "hp_texts", "user_args"})
_WHOLE_CHANNELS = frozenset(
    {*_ENVIRONMENT_NAMES, "channel_dirs", "channel_input_dirs", "input_data_config", "input_data_dir", "input_dir"}
    | {"base_dir"}
)
"""Parameters that receive all channels."""


@dataclass(frozen=True)
class Signature:
    """The parameters of a function.

    Attributes:
        parameters: its named parameters, by name, in order.
        annotations: their annotated types, as far as they can be resolved.
        takes_all: whether it has ``**kwargs``, which receives everything.
    """

    parameters: Mapping[str, inspect.Parameter]
    annotations: Mapping[str, Any]
    takes_all: bool


@dataclass(frozen=True)
class _Offer:
    """A value that a parameter can get: decoded, and its text, if it was decoded from one."""

    value: Any
    label: str
    text: str | None = None
    secret: bool = False


def match(wanted: Signature, environment: Environment | Mapping[str, Any], name: str) -> dict[str, Any]:
    """A value for each parameter that something provides, converted to its annotation.

    Args:
        wanted: the parameters.
        environment: an Environment, or any mapping of values by name.
        name: the function's name, for the message.

    Returns:
        The values by parameter name; with ``**kwargs``, everything else, too. A parameter with a default that nothing
        provides is omitted.

    Raises:
        ConfigurationError: parameters that nothing provides, and values that do not fit their annotation: all of them.

    """
    offers = _offers(environment)
    chosen: dict[str, Any] = {}
    problems: list[str] = []
    for parameter_name, parameter in wanted.parameters.items():
        offer = offers.get(parameter_name)
        if offer is None:
            if parameter.default is inspect.Parameter.empty:
                problems.append(f"nothing provides {parameter_name!r}{_hint(parameter_name, offers, environment)}")
            continue
        try:
            chosen[parameter_name] = _convert(offer, wanted.annotations.get(parameter_name, _UNKNOWN))
        except ValueError as error:
            problems.append(f"{parameter_name!r}: {error}")
    if problems:
        raise ConfigurationError(f"{name} cannot be called: {'; '.join(problems)}")
    if wanted.takes_all:
        chosen.update({each: offer.value for each, offer in offers.items() if each not in wanted.parameters})
    return chosen


def ignored(
    wanted: Signature, environment: Environment, name: str, environ: Mapping[str, str], taken: Collection[str] = ()
) -> str | None:
    """One line about hyperparameters and channels that a function does not take; None if it takes all.

    Args:
        wanted: its parameters.
        environment: the Environment.
        name: the function's name, for the message.
        environ: the variables, for ``SMC_STRICT``.
        taken: hyperparameters that plugins read.

    Raises:
        ConfigurationError: it does not take all, and ``SMC_STRICT`` is on.

    """
    if wanted.takes_all:
        return None
    asked = set(wanted.parameters)
    found = []
    if not asked & _WHOLE_HYPERPARAMETERS:
        free = sorted(asked - {_identifier(key) for key in environment.hp_texts})
        for key in environment.hp_texts:
            if key not in taken and not asked & parameter_names(key):
                found.append(
                    f"hyperparameter {shortened(key, 80)!r}{_in_brackets(_did_you_mean(_identifier(key), free))}"
                )
    if not asked & _WHOLE_CHANNELS:
        for channel, folder in environment.channel_dirs.items():
            names = parameter_names(f"{channel}_dir")
            if not asked & names and not os.path.abspath(environment.module_dir).startswith(folder):
                found.append(f"channel {channel!r}")
    if not found:
        return None
    line = f"{name} does not take {', '.join(found)}"
    if STRICT.of(environ):
        raise ConfigurationError(f"{line}; name it as a parameter, or unset {STRICT}")
    return f"{line}: ignored ({STRICT}=1 refuses it)"


def function_name(fn: Callable[..., Any]) -> str:
    """A function's name and place for a message: ``train() (train.py:3)``."""
    name = getattr(fn, "__qualname__", None) or repr(fn)
    code = getattr(inspect.unwrap(fn) if callable(fn) else fn, "__code__", None)
    where = f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})" if code else ""
    return f"{name}(){where}"


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
    for name in (*fields(environment), *properties(type(environment), Environment), *ALIASES):
        offers.setdefault(name, _Offer(getattr(environment, name), f"the environment's {name}"))
    for channel, folder in environment.channel_dirs.items():
        for name in parameter_names(f"{channel}_dir"):
            offers.setdefault(name, _Offer(folder, f"the folder of channel {channel!r}"))
    for key, text in environment.hp_texts.items():
        offer = _Offer(environment.hps[key], f"hyperparameter {shortened(key, 80)!r}", text, is_secret(key))
        for name in parameter_names(key):
            offers.setdefault(name, offer)
    return offers


def _identifier(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _convert(offer: _Offer, annotation: Any) -> Any:
    """The value as its annotation wants it: first what was decoded, then the text it was decoded from."""
    if annotation in (_UNKNOWN, inspect.Parameter.empty) or fits(offer.value, annotation):
        return offer.value
    if isinstance(offer.value, Environment) and isinstance(annotation, type) and isinstance(offer.value, annotation):
        return offer.value  # a plugin's, for a parameter that asks for the core's
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


def channels_text(name: str, environment: Environment) -> str:
    """The existing channels, and how to add the one that a parameter ``<channel>_dir`` asks for."""
    known = ", ".join(environment.channel_dirs) or "none"
    return f"channels: {known}; -c {name.removesuffix('_dir')}=... adds one"


def parameter_names(name: str) -> set[str]:
    """The parameter names that match a name: the name itself, and its form as an identifier."""
    return {name, _identifier(name)}


def _hint(name: str, offers: Mapping[str, _Offer], environment: Environment | Mapping[str, Any]) -> str:
    parts = _did_you_mean(name, list(offers))
    if name.endswith("_dir") and isinstance(environment, Environment):
        parts.append(channels_text(name, environment))
    return _in_brackets(parts)


def _in_brackets(parts: Sequence[str]) -> str:
    return f" ({' '.join(parts)})" if parts else ""


def _did_you_mean(name: str, known: Sequence[str]) -> list[str]:
    return [f"did you mean {near!r}?" for near in nearest(name, known)]


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:  # Python 3.10: list[int] is a type too
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _shortened(value: Any, width: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
