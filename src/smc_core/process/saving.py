"""The last step of the worker: save what ``train`` returned, and lose nothing of a training that is finished.

What no plugin can save, and what a save that fails leaves behind, is kept below ``output/data`` before the job fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from smc_core.errors import PluginError, UserCodeError
from smc_core.process import log
from smc_core.process.report import writer

if TYPE_CHECKING:
    from smc_core.environment import Environment
    from smc_core.plugins import Plugins

KEPT = "unsaved-model"
"""Name below ``output/data``, without a suffix, of what could not be saved."""
_MOST_PARTS = 32
"""Of a longer list nothing is a model: it is data."""
_NO_MODELS = (type(None), str, bytes, bool, int, float, complex)


def save(plugins: Plugins, environment: Environment, module: ModuleType, model: Any) -> None:
    """Save a model, and say where it is.

    Of several processes the primary one's value counts. The others are asked too, since a model in parts needs all of
    them; what they have that nobody can save is one line.

    Args:
        plugins: the job's plugins.
        environment: the Environment.
        module: the user's module.
        model: what ``train`` returned: a model, or a tuple, a list or a mapping with one model in it.

    Raises:
        PluginError: nobody can save it; the message says where it is kept.
        Exception: whatever a save raises; a note on it says where the model is kept.

    """
    primary = environment.is_primary
    try:
        path: str | PluginError | None = plugins.save_model(environment, module, model)
        if path is None:
            path = _save_one_of(plugins, environment, module, model)
    except (Exception, SystemExit) as error:
        if primary and writer.exit_code(error, "save"):
            _add_note(error, _keep(plugins, environment, model))
        raise
    if isinstance(path, PluginError):
        raise path  # all is kept
    if path is None:
        if not primary:
            log.line(f"train() returned {_a(model)} here, which nobody can save; the first process's value counts")
            return
        raise _nobody_saves(plugins, module, model, _keep(plugins, environment, model))
    if primary:
        log.line(_saved(path))


def _save_one_of(
    plugins: Plugins, environment: Environment, module: ModuleType, value: Any
) -> str | PluginError | None:
    """Save the one model in a tuple, list or mapping, each part being asked in a folder of its own.

    Returns:
        The path; an error where there are more, which are kept; None where there is no model in it.

    """
    folder = os.path.join(environment.model_dir, f".partial-{os.getpid()}")  # the same file system
    try:
        for parts in _parts(value):
            saved: list[tuple[Any, str, str]] = []
            for number, part in enumerate(parts):
                there = os.path.join(folder, str(number))
                if environment.is_primary:
                    os.makedirs(there)
                own = environment.extend(model_dir=there)
                path = plugins.save_model(own, module, part)
                if path is not None:
                    saved.append((part, there, path))
            if len(saved) > 1:
                return _several(environment, [part for part, *_ in saved], folder)
            if saved:
                return _moved(environment, value, *saved[0])
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _parts(value: Any) -> Iterator[list[Any]]:
    """What is asked of a tuple, list or mapping: first what may be a model, then mappings, which may be weights."""
    if isinstance(value, Mapping):
        found = list(value.values())
    elif isinstance(value, (tuple, list)):
        found = list(value)
    else:
        return
    if len(found) <= _MOST_PARTS:
        asked = [part for part in found if not isinstance(part, _NO_MODELS)]
        yield [part for part in asked if not isinstance(part, Mapping)]
        yield [part for part in asked if isinstance(part, Mapping)]


def _moved(environment: Environment, value: Any, model: Any, there: str, path: str) -> str:
    """Move a model to where it belongs, and say what was not saved with it."""
    if environment.is_primary:
        from smc_core.artifacts import move_into

        move_into(there, environment.model_dir)
        log.line(f"train() returned {_a(value)}: the {_kind(model)} in it is the model; the rest is not saved")
    return os.path.normpath(os.path.join(environment.model_dir, os.path.relpath(path, there)))


def _several(environment: Environment, models: list[Any], folder: str) -> PluginError:
    kept = os.path.join(environment.output_data_dir, f"{KEPT}s")
    if environment.is_primary:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(folder, kept)
    kinds = ", ".join(_kind(model) for model in models)
    return PluginError(
        f"train() returned {len(models)} models ({kinds}), kept below {kept}: one can be saved; return that one, "
        "or define save(model, model_dir)"
    )


def _keep(plugins: Plugins, environment: Environment, model: Any) -> str:
    """Keep what cannot be saved, and say where; or why not."""
    path = os.path.join(environment.output_data_dir, KEPT)
    try:
        kept = plugins.hook.keep_model(environment=environment, model=model, path=path)
    except Exception as error:  # noqa: BLE001 - what is told is why it was not saved
        from smc_core.artifacts import error_in_a_line

        return f"not kept either: {error_in_a_line(error)}"
    log.line(f"kept: {kept}; it can run code when it is read: read it only where you trust it")
    return f"kept: {kept}"


def _add_note(error: BaseException, note: str) -> None:
    """``error.add_note``, which Python 3.10 does not have; the first line tells notes with the message."""
    if isinstance(error, UserCodeError) and error.__cause__ is not None:
        error = error.__cause__  # the one that is told
    notes = getattr(error, "__notes__", None)
    error.__notes__ = [*(notes if isinstance(notes, list) else []), f"({note})"]  # type: ignore[attr-defined]


def _nobody_saves(plugins: Plugins, module: ModuleType, model: object, kept: str) -> PluginError:
    asked = ", ".join(plugins.callers("save_model"))
    return PluginError(
        f"train() returned {_a(model)}, which nobody can save; {kept}; return a model, or define "
        f"save(model, model_dir) in {module.__name__}, or save it in train() and return nothing (asked: {asked})"
    )


def _a(model: object) -> str:
    kind = _kind(model)
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"


def _kind(model: object) -> str:
    kind = type(model)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _saved(path: str) -> str:
    """What to say of a path that a save has named: whoever saves may have written elsewhere, or nothing."""
    if os.path.isdir(path) and not os.listdir(path):
        return f"warning: no model saved: the folder {path} is empty after the save"
    if os.path.lexists(path):
        return f"model saved: {path}"
    folder, name = os.path.split(path)
    near = sorted(each for each in os.listdir(folder) if each.startswith(f"{name}.")) if os.path.isdir(folder) else []
    if near:
        return f"model saved: {os.path.join(folder, near[0])}"
    return f"warning: no model saved: there is nothing at {path} after the save"
