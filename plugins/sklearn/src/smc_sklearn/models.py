"""Write an estimator with the versions and features that it was trained with, and load it again."""

from __future__ import annotations

import json
import os
import pickle
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from smc_core.errors import PluginError
from smc_core.kit import error_in_a_line, is_installed, log_line, write_into, write_whole

SKOPS_FILE = "model.skops"
"""Name below the model folder: skops' format, which is read without running code that is in it."""
JOBLIB_FILE = "model.joblib"
"""The same as a pickle, which runs code when it is read."""
INFO_FILE = "model_info.json"
"""Beside either of them: the versions that it was saved with, and the names of its features."""


def save(model: Any, model_dir: str) -> str:
    """Write an estimator and its ``model_info.json`` to a folder.

    Args:
        model: an estimator, fitted or not.
        model_dir: the folder.

    Returns:
        The path of ``model.skops``; of ``model.joblib`` where skops is not installed or cannot write this model.

    Raises:
        PluginError: it cannot be written in either format; the message says why.
        OSError: a file cannot be written.

    """
    formats: dict[str, Callable[[Any, str], list[str]]] = {SKOPS_FILE: _dump_skops, JOBLIB_FILE: _dump_joblib}
    if not is_installed("skops"):
        del formats[SKOPS_FILE]
    for name, dump in formats.items():

        def write(folder: str, name: str = name, dump: Callable[[Any, str], list[str]] = dump) -> None:
            types = dump(model, os.path.join(folder, name))
            with open(os.path.join(folder, INFO_FILE), "w", encoding="utf-8") as file:
                json.dump(_info(model, types), file, indent=2)

        try:
            write_into(model_dir, write)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - pickling an attribute of the user's may raise anything
            failure = error
            if name == SKOPS_FILE:
                log_line(f"{name} cannot be written ({error_in_a_line(error)}): trying {JOBLIB_FILE}")
            continue
        with suppress(FileNotFoundError):  # left by an earlier job in this folder
            os.unlink(os.path.join(model_dir, JOBLIB_FILE if name == SKOPS_FILE else SKOPS_FILE))
        return os.path.join(model_dir, name)
    raise PluginError(
        f"{type(model).__qualname__} cannot be saved: give it functions and classes that a module defines by name, no "
        f"lambda, and nothing open ({error_in_a_line(failure)})"
    ) from failure


def _dump_skops(model: Any, path: str) -> list[str]:
    """Write it with skops; returns the types that a reader has to trust by name."""
    import skops.io

    skops.io.dump(model, path)
    types: list[str] = skops.io.get_untrusted_types(file=path)
    if any(name.partition(".")[0] != "sklearn" for name in types):
        skops.io.load(path, trusted=types)  # of a lambda, for example, skops writes only the name
    return types


def _dump_joblib(model: Any, path: str) -> list[str]:
    import joblib

    joblib.dump(model, path)
    return []


def _info(model: Any, types: list[str]) -> dict[str, Any]:
    packages = {"scikit-learn": "sklearn", "numpy": "numpy", **({"skops": "skops"} if is_installed("skops") else {})}
    versions = {name: import_module(package).__version__ for name, package in packages.items()}
    return {
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "versions": {"python": platform.python_version(), **versions},
        "feature_names_in": _names(lambda: model.feature_names_in_),
        "feature_names_out": _names(lambda: _transformer(model).get_feature_names_out()),
        "untrusted_types": types,
    }


def _transformer(model: Any) -> Any:
    """The object that knows its output features: for a pipeline that ends in a predictor, the steps before that."""
    is_predictor = hasattr(model, "steps") and len(model.steps) > 1 and not hasattr(model, "transform")
    return model[:-1] if is_predictor else model


def _names(read: Callable[[], Any]) -> list[str] | None:
    """The names of features; None if they are not known: it is not fitted, or was fitted without names."""
    try:
        return [str(name) for name in read()]
    except Exception:  # noqa: BLE001 - each step raises its own exception if it does not know them
        return None


def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str] = (), allow_pickle: bool = False) -> Any:
    """Load an estimator that a job has saved.

    Args:
        path: ``model.skops``, ``model.joblib``, or the folder of either, such as ``environment.model_dir``.
        trusted: types in ``model.skops`` to accept in addition to those that skops knows to be harmless, such as
            ``train.Scaler``: they run code. ``model_info.json`` lists those that the job has saved; an error names
            the missing ones.
        allow_pickle: whether ``model.joblib`` may be read. It is a pickle, which can run any code: load only files
            that you trust.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: it contains types that are not trusted.
        ValueError: it is a pickle, and pickles are not allowed; or it cannot be read here.
        ModuleNotFoundError: skops, joblib, or a module of the job's own code is not installed.

    """
    file = os.fspath(path)
    if os.path.isdir(file):
        names = [name for name in (SKOPS_FILE, JOBLIB_FILE) if os.path.exists(os.path.join(file, name))]
        file = os.path.join(file, names[0] if names else SKOPS_FILE)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no scikit-learn model at {file}")
    if file.endswith(".skops"):
        return _load_skops(file, trusted)
    if not allow_pickle:
        raise ValueError(f"{file} is a pickle, which can run any code: if you trust it, load it with allow_pickle=True")
    import joblib

    return _read(file, lambda: joblib.load(file))


def _load_skops(file: str, trusted: Sequence[str]) -> Any:
    import skops.io

    unknown = sorted({*_read(file, lambda: skops.io.get_untrusted_types(file=file))} - {*trusted})
    if unknown:
        raise TypeError(f"{file} has types that are not trusted: if you trust them, load it with trusted={unknown}")
    return _read(file, lambda: skops.io.load(file, trusted=list(trusted)))


def _read(file: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ImportError, OSError):
        raise
    except Exception as error:
        raise ValueError(f"{file}{_saved_with(file)} cannot be read: {error_in_a_line(error)}") from error


def _saved_with(file: str) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        with open(os.path.join(os.path.dirname(file), INFO_FILE), encoding="utf-8") as info:
            versions = json.load(info)["versions"]
        return f", saved with {', '.join(f'{name} {each}' for name, each in versions.items())},"
    return ""


def keep(model: Any, path: str) -> str:
    """Pickle the whole estimator, or the parts that can be pickled, with a description in place of each other part."""
    import joblib

    return write_whole(path, lambda written: joblib.dump(_kept(model), written))


def _kept(value: Any) -> Any:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - what cannot be pickled may raise anything
        if hasattr(value, "steps"):
            return {name: _kept(step) for name, step in value.steps}
        if hasattr(value, "get_params") and vars(value):
            return {name: _kept(each) for name, each in vars(value).items()}
        return repr(value)
    return value
