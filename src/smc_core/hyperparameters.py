"""Hyperparameters: the raw text, and what it becomes as a value, an argument and a variable.

On the platform every value is text, in one of three encodings: plain (``0.1``, ``adam``), JSON (``"adam"`` with
its quotes), or plain for strings and JSON for the rest. The raw text is kept; a value is decoded where it is
wanted, so nothing is lost on the way (``1.10`` stays ``1.10`` as an argument).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from smc_core.contract import (
    DEFAULT_MODULE_NAME_PARAM,
    MAX_VARIABLE_BYTES,
    PLATFORM_PARAM_PREFIX,
    SAGEMAKER_HPS,
    TUNING_METRIC_PARAM,
)
from smc_core.errors import ConfigurationError
from smc_core.masking import is_secret
from smc_core.setting import FALSE, TRUE

ArgumentStyle = Literal["classic", "json", "flags"]
"""How values become arguments (``SMC_ARGS``): see :func:`arguments`."""


_POSIX_NAME_GAP = re.compile(r"[^A-Za-z0-9_]")


class _Text(float):
    """A JSON number that still knows the text it was written as."""

    text: str

    @classmethod
    def parse(cls, text: str) -> _Text:
        number = cls(text)
        number.text = text
        return number


def compact_json(value: Any) -> str:
    """A value as JSON without spaces, keys sorted, ASCII only: the format of the ``SM_*`` variables."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def raw_text(value: Any) -> str:
    """The text of a value read by :func:`parse_preserving_numbers`: strings as they are, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, _Text):
        return value.text
    return json.dumps(value, separators=(",", ":"), default=float)


def parse_preserving_numbers(text: str) -> Any:
    """Parse JSON so that a number on the top level of an object keeps its text (``1.10``)."""
    return json.loads(text, parse_float=_Text.parse)


def decode(text: str) -> Any:
    """The value that a raw text stands for.

    Args:
        text: the raw text of a hyperparameter.

    Returns:
        What JSON makes of it (object, array, number, true, false, null, a quoted string); else the text itself.

    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def argument(text: str, style: ArgumentStyle = "classic") -> str:
    """The one token that a raw text becomes on a command line.

    Numbers keep their text; a JSON-quoted string is unquoted; ``true`` and ``false`` are ``True`` and ``False``, and
    ``null`` is empty (as JSON with the style ``json``); arrays and objects are compact JSON.
    """
    value = decode(text)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        if style == "json":
            return json.dumps(value)
        return "" if value is None else str(value)
    if isinstance(value, (int, float)):
        return text.strip()
    return json.dumps(value, separators=(",", ":"))


def arguments(texts: Mapping[str, str], style: ArgumentStyle = "classic") -> list[str]:
    """The script's arguments: ``--key value`` (``-k value`` for one letter), sorted by key.

    Args:
        texts: raw text by hyperparameter name; the platform's own are to be left out before (:func:`split_hps`).
        style: ``classic``; ``json`` (booleans and null as JSON); ``flags`` (``true`` is the bare ``--key``, ``false``
            is left out).

    """
    tokens: list[str] = []
    for key, text in sorted(texts.items()):
        name = f"--{key}" if len(key) > 1 else f"-{key}" if key else ""
        value = decode(text) if style == "flags" else None
        if isinstance(value, bool):
            tokens += [name] if value else []
        else:
            tokens += [name, argument(text, style)]
    return tokens


def check_arguments(texts: Mapping[str, str], style: ArgumentStyle = "classic") -> None:
    """Refuse what the kernel cannot pass to a process.

    Raises:
        ConfigurationError: a name or value holds a NUL or an unpaired surrogate, or is 128 KiB or longer.

    """
    for key, text in texts.items():
        for token in (f"--{key}", argument(text, style)):
            problem = _not_passable(token)
            if problem:
                raise ConfigurationError(
                    f"hyperparameter {key!r} {problem}; such a value belongs into a file of a channel"
                )


def _not_passable(token: str) -> str | None:
    if "\0" in token:
        return "holds a NUL character, which no command line can carry"
    try:
        size = len(token.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which no command line can carry"
    if size > MAX_VARIABLE_BYTES:
        return f"is {size - 1:,} bytes long, and an argument can have at most {MAX_VARIABLE_BYTES - 1:,}"
    return None


def variable_names(prefix: str, key: str) -> list[str]:
    """The names under which a key is exported: ``SM_HP_MY-KEY``, and again as a POSIX shell can read it.

    A name with ``=`` cannot exist; only its readable twin is given then.
    """
    exact = prefix + key.upper()
    readable = _POSIX_NAME_GAP.sub("_", exact)
    names = [exact] if "=" not in exact and "\0" not in exact else []
    return names if readable in names else [*names, readable]


def is_platform_key(key: str, keys: Iterable[str] = ()) -> bool:
    """Whether a hyperparameter belongs to the platform and never reaches the script."""
    return (
        key.startswith(PLATFORM_PARAM_PREFIX) or key in (TUNING_METRIC_PARAM, DEFAULT_MODULE_NAME_PARAM) or key in keys
    )


def split_hps(
    hps: Mapping[str, Any], keys: Iterable[str] = tuple(SAGEMAKER_HPS)
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part hyperparameters into the platform's own and the user's.

    Args:
        hps: hyperparameters by name.
        keys: names that belong to the platform, besides all that begin with ``sagemaker_``,
            ``_tuning_objective_metric`` and ``default_user_module_name``.

    Returns:
        The platform's and the user's, in this order.

    """
    keys = frozenset(keys)
    platform = {key: value for key, value in hps.items() if is_platform_key(key, keys)}
    return platform, {key: value for key, value in hps.items() if key not in platform}


class Value(str):
    """One hyperparameter: a string that converts itself.

    It equals its text (a JSON-quoted string without the quotes). A conversion that fails raises a
    :class:`~smc_core.errors.ConfigurationError` that names the hyperparameter and its text.
    """

    __slots__ = ("name", "origin", "raw")
    name: str
    origin: str
    raw: str

    def __new__(cls, raw: str, name: str, origin: str = "hyperparameter") -> Value:  # noqa: D102 - the class says it
        decoded = decode(raw)
        value = super().__new__(cls, decoded if isinstance(decoded, str) else raw)
        value.raw = raw
        value.name = name
        value.origin = origin
        return value

    def __reduce__(self) -> tuple[type[Value], tuple[str, str, str]]:
        return Value, (self.raw, self.name, self.origin)

    def _refuse(self, wanted: str) -> ConfigurationError:
        shown = "(masked)" if is_secret(self.name) else repr(str(self) if len(self) <= 80 else self[:77] + "...")
        return ConfigurationError(f"{self.origin} {self.name!r} is {shown}, not {wanted}")

    def to_int(self) -> int:
        """The whole number; ``3.0`` and ``1e3`` count as whole."""
        try:
            return int(self)
        except ValueError:
            try:
                number = float(self)
            except ValueError:
                raise self._refuse("a whole number") from None
            if not number.is_integer():
                raise self._refuse("a whole number") from None
            return int(number)

    def to_float(self) -> float:
        """The number; ``nan`` and ``inf`` count."""
        try:
            return float(self)
        except ValueError:
            raise self._refuse("a number") from None

    def to_bool(self) -> bool:
        """True for ``true``, ``1``, ``yes``, ``on``; False for ``false``, ``0``, ``no``, ``off``; any case."""
        word = self.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
        raise self._refuse("true or false")

    def to_json(self) -> Any:
        """The value that the text is JSON of."""
        try:
            return json.loads(self.raw)
        except (ValueError, RecursionError):
            raise self._refuse("JSON") from None

    def _nested(self, kind: type, wanted: str) -> Any:
        value = decode(self.raw)
        if isinstance(value, str):  # a list that was encoded twice is still that list
            value = decode(value)
        if not isinstance(value, kind):
            raise self._refuse(wanted)
        return value

    def to_list(self) -> list[Any]:
        """The items of a JSON array."""
        items: list[Any] = self._nested(list, 'a JSON array such as [1, 2] or ["a"]')
        return items

    def to_dict(self) -> dict[str, Any]:
        """The entries of a JSON object."""
        entries: dict[str, Any] = self._nested(dict, 'a JSON object such as {"a": 1}')
        return entries

    def to_path(self) -> Path:
        """The text as a path."""
        return Path(str(self))
