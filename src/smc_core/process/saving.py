"""The last step of the worker: save what ``train`` returned, so that a finished training is never lost.

If no plugin can save the model, or saving fails, the model is kept below ``output/data`` before the job fails.
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
"""A list with more parts than this is data: none of its parts is tried as a model."""
_NO_MODELS = (type(None), str, bytes, bool, int, float, complex)


def save(plugins: Plugins, environment: Environment, module: ModuleType, model: Any) -> None:
    """Save a model, and log where it is.

    With several processes, the primary one's value counts. The others save too, since a sharded model needs all of
    them; a value of theirs that no plugin can save is only logged.

    Args:
        plugins: the job's plugins.
        environment: the Environment.
        module: the user's module.
        model: what ``train`` returned: a model, or a tuple, a list or a mapping with one model in it.

    Raises:
        PluginError: no plugin can save it; the message says where it is kept.
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
        raise path  # several models, all of them kept
    if path is None:
        if not primary:
            log.line(f"train() returned {_a(model)} here, which no plugin can save; the first process's value counts")
            return
        raise _cannot_save(plugins, module, model, _keep(plugins, environment, model))
    if primary:
        log.line(_saved(path))


def _save_one_of(
    plugins: Plugins, environment: Environment, module: ModuleType, value: Any
) -> str | PluginError | None:
    """Save the one model in a tuple, list or mapping; each part is tried in its own folder.

    Returns:
        The path; an error where there are several models, which are kept; None where there is none.

    """
    folder = os.path.join(environment.model_dir, f".partial-{os.getpid()}")  # same file system: moving is a rename
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
    """The parts of a tuple, list or mapping to try: first what may be a model, then mappings, which may be weights."""
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
    """Move a model to the model folder, and log what was not saved with it."""
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
        f"train() returned {len(models)} models ({kinds}), kept below {kept}: only one can be saved; return that one, "
        "or define save(model, model_dir)"
    )


def _keep(plugins: Plugins, environment: Environment, model: Any) -> str:
    """Keep what cannot be saved; returns a sentence that says where, or why that failed too."""
    path = os.path.join(environment.output_data_dir, KEPT)
    try:
        kept = plugins.hook.keep_model(environment=environment, model=model, path=path)
    except Exception as error:  # noqa: BLE001 - the failure to save is what gets reported
        from smc_core.artifacts import error_in_a_line

        return f"not kept either: {error_in_a_line(error)}"
    log.line(f"kept: {kept}; reading it can run code: read it only if you trust it")
    return f"kept: {kept}"


def _add_note(error: BaseException, note: str) -> None:
    """``error.add_note``, which Python 3.10 does not have; the first line shows notes with the message."""
    if isinstance(error, UserCodeError) and error.__cause__ is not None:
        error = error.__cause__  # the one that is reported
    notes = getattr(error, "__notes__", None)
    error.__notes__ = [*(notes if isinstance(notes, list) else []), f"({note})"]  # type: ignore[attr-defined]


def _cannot_save(plugins: Plugins, module: ModuleType, model: object, kept: str) -> PluginError:
    asked = ", ".join(plugins.callers("save_model"))
    return PluginError(
        f"train() returned {_a(model)}, which no plugin can save; {kept}; return a model, or define "
        f"save(model, model_dir) in {module.__name__}, or save it in train() and return nothing (asked: {asked})"
    )


def _a(model: object) -> str:
    kind = _kind(model)
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"


def _kind(model: object) -> str:
    kind = type(model)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _saved(path: str) -> str:
    """The log line for the path that a save returned. The model may have been written elsewhere, or not at all."""
    if os.path.isdir(path) and not os.listdir(path):
        return f"warning: no model saved: the folder {path} is empty after saving"
    if os.path.lexists(path):
        return f"model saved: {path}"
    folder, name = os.path.split(path)
    near = sorted(each for each in os.listdir(folder) if each.startswith(f"{name}.")) if os.path.isdir(folder) else []
    if near:
        return f"model saved: {os.path.join(folder, near[0])}"
    return f"warning: no model saved: there is nothing at {path} after saving"
