"""Checks the answers of plugins: what each hook accepts, and what a wrapper may return instead of another's answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from smc_core.command import Command
from smc_core.contract import MAX_VARIABLE_BYTES
from smc_core.environment import Environment
from smc_core.hookspecs import TrainResult

_LISTS = {"launch": "Commands", "job_variables": "mappings"}
"""Hooks that ask every plugin; their wrappers get a list of all answers."""


def wrong(hook: str, answer: object) -> str | None:
    """What is wrong with the answer of a plugin, in words; None if the hook accepts it."""
    if answer is None:
        return None
    wanted, is_right = _ANSWERS[hook]
    if not is_right(answer):
        hint = " (command.under makes one)" if hook == "launch" else ""
        return f"returned {kind(answer)} instead of {wanted} or None{hint}"
    return _WITHIN[hook](answer) if hook in _WITHIN else None


def wrong_after(hook: str, answer: object, inner: object) -> str | None:
    """What is wrong with the answer of a wrapper; None if nothing is.

    Args:
        hook: name of the hook.
        answer: what the wrapper returned.
        inner: what its ``yield`` returned: the answer of the others; None if there is none.

    """
    if answer is None:
        if inner is None:
            return None
        return f"returned None instead of {kind(inner)}: a return is missing"
    if hook in _LISTS:
        if not isinstance(answer, list):
            return f"returned {kind(answer)} instead of the list of {_LISTS[hook]}"
        return next((found for each in answer if (found := _wrong_item(hook, each))), None)
    if isinstance(inner, TrainResult) and isinstance(answer, TrainResult) and answer.model is None is not inner.model:
        return f"lost the model, {kind(inner.model)}: it returned a TrainResult without one"
    return wrong(hook, answer)


def _wrong_item(hook: str, answer: object) -> str | None:
    _, is_right = _ANSWERS[hook]
    return _WITHIN[hook](answer) if is_right(answer) else f"returned {kind(answer)} in the list of {_LISTS[hook]}"


def _wrong_command(command: Command) -> str | None:
    if not isinstance(command.argv, (tuple, list)) or not command.argv:
        return f"returned a Command whose argv is {command.argv!r}, not a list that begins with a program"
    if not isinstance(command.environ, Mapping):
        return f"returned a Command whose environ is {kind(command.environ)}, not a mapping"
    texts = {f"argv[{n}]": each for n, each in enumerate(command.argv)} | {"cwd": command.cwd}
    texts |= {f"environ[{name!r}]": each for name, each in command.environ.items()}
    texts |= {f"name {name!r} of a variable": name for name in command.environ if not isinstance(name, str)}
    for place, each in texts.items():
        if not isinstance(each, str):
            return f"returned a Command whose {place} is {kind(each)}, not text"
        if "\0" in each:
            return f"returned a Command whose {place} has a NUL character in it"
    if not isinstance(command.launcher, str) or not command.launcher:
        return "returned a Command without a launcher; return None where the job does not ask for yours"
    if command.signals not in ("process", "group"):
        return f"returned a Command whose signals is {command.signals!r}, not 'process' or 'group'"
    return None


def _wrong_variables(variables: Mapping[Any, Any]) -> str | None:
    size = 0
    for name, text in variables.items():
        if not isinstance(name, str):
            return f"returned a variable whose name is {kind(name)}, not text"
        if not name or "=" in name:
            return f"returned a variable with the name {name!r}"
        if not isinstance(text, str):
            return f"returned variable {name!r} whose value is {kind(text)}, not text"
        try:
            size += len(f"{name}={text}\0".encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            return f"returned variable {name!r}, which has a lone surrogate in it"
        if "\0" in name + text:
            return f"returned variable {name!r}, which has a NUL character in it"
    if size > MAX_VARIABLE_BYTES:
        return f"returned variables of {size:,} bytes; at most {MAX_VARIABLE_BYTES:,} are taken of one plugin"
    return None


def kind(value: object) -> str:
    """The class of a value, with its article."""
    name = type(value).__name__
    return f"{'an' if name[:1] in 'AEIOUaeio' else 'a'} {name}"


_ANSWERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "create_environment": ("an Environment", lambda answer: isinstance(answer, Environment)),
    "job_variables": ("a mapping", lambda answer: isinstance(answer, Mapping)),
    "launch": ("a Command", lambda answer: isinstance(answer, Command)),
    "load_user_module": ("a module", lambda answer: isinstance(answer, ModuleType)),
    "train": ("a TrainResult", lambda answer: isinstance(answer, TrainResult)),
    "save_model": ("a path", lambda answer: isinstance(answer, (str, os.PathLike))),
    "keep_model": ("a path", lambda answer: isinstance(answer, (str, os.PathLike))),
}
"""Hook → what it expects, and a check for that."""
_WITHIN: dict[str, Callable[[Any], str | None]] = {"job_variables": _wrong_variables, "launch": _wrong_command}
"""Hook → finds what is wrong inside an answer of the right class."""


def unwritten(environment: Environment, path: str) -> str | None:
    """What is wrong with the path that a plugin returned for a saved model; None if nothing is."""
    if not environment.is_primary or "://" in path or os.path.lexists(path):
        return None
    return f"returned {path} as the path of the saved model, and nothing is there"
