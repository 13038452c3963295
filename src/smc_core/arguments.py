"""The script's arguments: how a hyperparameter's raw text becomes arguments, and what no command line can carry."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from smc_core.contract import MAX_VARIABLE_BYTES
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import decode
from smc_core.printable import shortened
from smc_core.settings import ARGS, ARGS_ORDER
from smc_core.words import some_of

ArgumentStyle = Literal["classic", "json", "flags", "hydra"]
"""How values become arguments (``SMC_ARGS``): see :func:`arguments`."""

ArgumentOrder = Literal["sorted", "file"]
"""In which order they come (``SMC_ARGS_ORDER``)."""

ADVICE = "put such a value in a file in a channel"

_TAKEN_FOR_A_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
"""What :mod:`argparse` reads as a negative number, and not as an option, before Python 3.14."""
_LONGEST_NUMBER = 400
"""Digits; a double has at most 308 before the point."""
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:+-]*[A-Za-z0-9_./+-]|[A-Za-z_/]")
_WORDS = frozenset(["true", "false", "null", "none", "nan", "inf", "infinity", "yes", "no", "on", "off", "y", "n"])
"""Words that Hydra or YAML does not read as text, in any letter case."""
_KERNEL_LIMIT = 6 * 1024 * 1024
"""Three quarters of Linux's ``_STK_LIM``: arguments and variables together can never be larger."""


_UNREAD = object()


def argument(text: str, style: ArgumentStyle = "classic", value: Any = _UNREAD) -> str:
    """The single token for a raw text on a command line.

    Numbers keep their text, except for a negative one that argparse would read as an option (``-1e-3`` becomes
    ``-0.001``). A JSON string loses its quotes. ``true`` and ``false`` become ``True`` and ``False``, and ``null``
    becomes empty (the style ``json`` keeps them as JSON). Arrays and objects become compact JSON. With the style
    ``hydra`` it is the value of an override.

    Args:
        text: the raw text of a hyperparameter.
        style: how values become arguments.
        value: the decoded value, if the caller has it.

    """
    if value is _UNREAD:
        value = decode(text)
    if style == "hydra":
        return _override(value, text)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        if style == "json":
            return json.dumps(value)
        return "" if value is None else str(value)
    if isinstance(value, (int, float)):
        return _number(text.strip())
    return json.dumps(value, separators=(",", ":"))


def arguments(
    texts: Mapping[str, str],
    style: ArgumentStyle = "classic",
    order: ArgumentOrder = "sorted",
    values: Mapping[str, Any] | None = None,
) -> list[str]:
    """The script's arguments: ``--key value`` (``-k value`` for one letter).

    Args:
        texts: raw text by hyperparameter name, without those of the platform
            (:func:`smc_core.hyperparameters.split_hps`).
        style: ``classic``; ``json`` (booleans and null as JSON); ``flags`` (``true`` is the bare ``--key``, ``false``
            is omitted); ``hydra`` (``key=value``, for Hydra and OmegaConf).
        order: ``sorted`` by name, or ``file``: in the order of the mapping.
        values: the decoded values; None to decode them here.

    """
    if values is None:
        values = {key: decode(text) for key, text in texts.items()}
    tokens: list[str] = []
    for key, text in texts.items() if order == "file" else sorted(texts.items()):
        if style == "hydra":
            tokens.append(f"{key}={argument(text, style, values[key])}")
            continue
        name = f"--{key}" if len(key) > 1 else f"-{key}" if key else ""
        value = values[key]
        if style == "flags" and isinstance(value, bool):
            tokens += [name] if value else []
        else:
            tokens += [name, argument(text, style, value)]
    return tokens


def argument_style(environ: Mapping[str, str]) -> ArgumentStyle:
    """How hyperparameters become arguments: ``SMC_ARGS``.

    Raises:
        ConfigurationError: there is no such style.

    """
    return cast("ArgumentStyle", ARGS.of(environ))


def argument_order(environ: Mapping[str, str]) -> ArgumentOrder:
    """The order of the arguments: ``SMC_ARGS_ORDER``.

    Raises:
        ConfigurationError: there is no such order.

    """
    return cast("ArgumentOrder", ARGS_ORDER.of(environ))


def check_arguments(tokens: Iterable[str], texts: Mapping[str, str], style: ArgumentStyle = "classic") -> None:
    """Refuse arguments that the kernel cannot pass to a process.

    Args:
        tokens: the script's arguments.
        texts: the hyperparameters that they come from; the message names the offending one.
        style: how values became arguments.

    Raises:
        ConfigurationError: one contains a NUL or an unpaired surrogate, or is 128 KiB or longer.

    """
    problem = next(filter(None, map(_not_passable, tokens)), None)
    if problem is None:
        return
    for key, text in texts.items():
        for token in arguments({key: text}, style):
            own = _not_passable(token)
            if own:
                raise ConfigurationError(f"hyperparameter {shortened(key, 80)!r} {own}; {ADVICE}")
    raise ConfigurationError(f"an argument {problem}; {ADVICE}")


def check_size(argv: Sequence[str], environ: Mapping[str, str], texts: Mapping[str, str]) -> None:
    """Refuse arguments and variables that together are too large for the kernel.

    Args:
        argv: the command line.
        environ: the variables.
        texts: the hyperparameters; the message names the largest.

    Raises:
        ConfigurationError: they are too large.

    """
    strings = [*argv, *(f"{name}={text}" for name, text in environ.items())]
    size = sum(len(text.encode("utf-8", "surrogatepass")) + 1 + 8 for text in strings)  # a NUL and a pointer each
    limit = min(os.sysconf("SC_ARG_MAX"), _KERNEL_LIMIT)
    if size > limit:
        raise too_large(texts, f"{size:,} bytes, but the kernel accepts at most {limit:,}")


def too_large(texts: Mapping[str, str], how: str = os.strerror(errno.E2BIG)) -> ConfigurationError:
    """The error for a command line and variables that are too large for the kernel.

    Args:
        texts: the hyperparameters; the largest are named.
        how: how large they are together.

    """
    sizes = sorted(((len(text.encode("utf-8", "surrogatepass")), key) for key, text in texts.items()), reverse=True)
    named = some_of([f"{shortened(key, 80)!r} ({size:,} bytes)" for size, key in sizes], 3)
    whose = f"; the largest hyperparameters: {named}; {ADVICE}" if sizes else ""
    return ConfigurationError(f"the job's arguments and variables are too large: {how}{whose}")


def _number(text: str) -> str:
    """A number's text, or another text of the same value that argparse reads as a number."""
    if not text.startswith("-") or _TAKEN_FOR_A_NUMBER.fullmatch(text):
        return text
    from decimal import Decimal

    number = Decimal(text)  # unlike a float, it keeps every digit
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
        return text  # written out, -1e999999999 would take a gigabyte
    written = format(number, "f")
    return written if "." in written else f"{written}.0"


def _override(value: Any, text: str) -> str:
    """A value in the grammar of Hydra's overrides, which for these forms is also valid YAML."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return text.strip()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(_override(item, json.dumps(item)) for item in value)}]"
    return f"{{{', '.join(f'{_quoted(k)}: {_override(item, json.dumps(item))}' for k, item in value.items())}}}"


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and "://" not in text:
        return text
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)  # only backslashes in front of a quote are doubled
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"


def _not_passable(token: str) -> str | None:
    if "\0" in token:
        return "contains a NUL character, which no command line can carry"
    try:
        size = len(token.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError:
        return "contains an unpaired surrogate, which no command line can carry"
    if size > MAX_VARIABLE_BYTES:
        return f"is {size - 1:,} bytes long, and an argument can have at most {MAX_VARIABLE_BYTES - 1:,}"
    return None
