"""Hyperparameters: their raw text, their values, and the names of their variables.

On the platform every value is text, in one of three encodings: plain (``0.1``, ``adam``), JSON (``"adam"`` with
its quotes), or plain for strings and JSON for the rest. The raw text is kept, and decoded only where a value is
needed, so that nothing is lost (``1.10`` stays ``1.10`` as an argument).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from smc_core.contract import (
    DEFAULT_MODULE_NAME_PARAM,
    PLATFORM_PARAM_PREFIX,
    SAGEMAKER_HPS,
    TUNING_METRIC_PARAM,
)
from smc_core.errors import ConfigurationError
from smc_core.json_file import parse_json
from smc_core.printable import shortened
from smc_core.secret_names import is_secret
from smc_core.setting import FALSE, TRUE

if TYPE_CHECKING:
    from pathlib import Path

_MOST_WRAPPINGS = 8
_JSON_BLANKS = " \t\n\r"
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
    """A value as JSON without spaces, with sorted keys, in ASCII: the format of the ``SM_*`` variables."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def raw_text(value: Any) -> str:
    """The text of a value read by :func:`parse_preserving_numbers`: strings unchanged, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, _Text):
        return value.text
    return json.dumps(value, separators=(",", ":"), default=float)


def parse_preserving_numbers(text: str) -> Any:
    """Parse JSON such that a number at the top level of an object keeps its text (``1.10``)."""
    return parse_json(text, parse_float=_Text.parse)


def unwrapped(text: str) -> str:
    """Undo repeated JSON encoding, leaving one: some clients encode ``"train.py"`` more than once.

    Args:
        text: the raw text of a platform hyperparameter, or of a variable.

    """
    for _ in range(_MOST_WRAPPINGS):
        inner = _unquoted(text)
        if not inner.startswith('"') or not isinstance(decode(inner), str):
            break
        text = inner
    return text


def decode(text: str) -> Any:
    """The value that a raw text stands for.

    Args:
        text: the raw text of a hyperparameter.

    Returns:
        The value if it is JSON (object, array, number, true, false, null, a quoted string), otherwise the text itself;
        also the text itself if it is nested more than 100 levels deep.

    """
    try:
        return parse_json(text)
    except ValueError:
        return text


def _unquoted(text: str) -> str:
    """A JSON string without its quotes; any other text unchanged."""
    if not text.lstrip(_JSON_BLANKS).startswith('"'):
        return text
    decoded = decode(text)
    return decoded if isinstance(decoded, str) else text


def param(texts: Mapping[str, str], name: str) -> Value | None:
    """A platform hyperparameter; None if it is missing, null or blank.

    Args:
        texts: the platform's hyperparameters, as text.
        name: its name, such as ``sagemaker_mpi_enabled``.

    """
    text = texts.get(name, "")
    return None if text.strip() in ("", "null") else Value(text, name)


def variable_names(prefix: str, key: str) -> list[str]:
    """The names under which a key is exported: ``SM_HP_MY-KEY``, and a second one that a POSIX shell can read.

    A variable's name cannot contain ``=``; for such a key there is only the second name.
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
    """Split hyperparameters into those of the platform and those of the user.

    Args:
        hps: hyperparameters by name.
        keys: names that belong to the platform, in addition to all that begin with ``sagemaker_``,
            ``_tuning_objective_metric`` and ``default_user_module_name``.

    Returns:
        Those of the platform and those of the user, in this order.

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
        value = super().__new__(cls, _unquoted(raw))
        value.raw = raw
        value.name = name
        value.origin = origin
        return value

    def __reduce__(self) -> tuple[type[Value], tuple[str, str, str]]:
        return Value, (self.raw, self.name, self.origin)

    def _refuse(self, wanted: str) -> ConfigurationError:
        shown = "(masked)" if is_secret(self.name) else repr(str(self) if len(self) <= 80 else self[:77] + "...")
        return ConfigurationError(f"{self.origin} {shortened(self.name, 80)!r} is {shown}, not {wanted}")

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
        """The value of the text, which must be JSON."""
        try:
            return parse_json(self.raw)
        except ValueError:
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
        from pathlib import Path

        return Path(str(self))
