"""Write a model, completely or not at all, and load it again."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any

from smc_core.kit import error_in_a_line, write_whole
from smc_keras.backend import import_keras

MODEL_FILE = "model.keras"
"""The model in Keras's own format, below the model folder."""
WEIGHTS_FILE = "model.weights.h5"
"""The weights alone, where the model cannot be written in that format."""
SAVED_MODEL = "1"
"""The model as a SavedModel, below the model folder: a version number, as TensorFlow Serving wants it."""
TORCH_PROGRAM = "model.pt2"
"""The model as a ``torch.export`` program, below the model folder."""

log = logging.getLogger("smc.keras")


def is_keras_model(model: Any) -> bool:
    """Whether it is one. A process that never imported Keras has none, so Keras is not imported for this."""
    return isinstance(model, getattr(sys.modules.get("keras"), "Model", ()))


def models_in(value: Any) -> list[Any]:
    """The Keras models in the return value of ``train``: the value itself, or elements of a tuple or list."""
    return [part for part in (value if isinstance(value, (tuple, list)) else [value]) if is_keras_model(part)]


def without_histories(value: Any) -> Any:
    """The return value of ``train``, with every ``History`` (which ``fit`` returns) replaced by its model.

    In a tuple or list that also has a model, the ``History`` is left as it is.
    """
    if not isinstance(value, (tuple, list)):
        return _of_history(value)
    parts = [_of_history(part) for part in value]
    if models_in(value) or not models_in(parts):
        return value
    return parts if isinstance(value, list) else tuple(parts)


def _of_history(value: Any) -> Any:
    callbacks = getattr(sys.modules.get("keras"), "callbacks", None)
    is_history = isinstance(value, getattr(callbacks, "History", ()))
    return getattr(value, "model", value) if is_history else value


def save(model: Any, model_dir: str) -> str:
    """Write a model to ``model.keras`` in a folder and check that it can be read; if not, its weights too, or alone.

    Returns:
        The path of the file that can be read.

    Raises:
        OSError: the file cannot be written.
        Exception: whatever Keras raises if it can save neither.

    """
    if not model.built:
        log.warning(
            "%s has no weights yet: let its first layer be a keras.Input, or call it on data, before train() returns",
            type(model).__qualname__,
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*not yet been built")  # logged above
            path = write_whole(os.path.join(model_dir, MODEL_FILE), model.save)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - Keras asks the class itself, which may raise anything
        try:
            path = write_whole(os.path.join(model_dir, WEIGHTS_FILE), model.save_weights)
        except Exception:  # noqa: BLE001 - the first error is the more useful one
            raise error from None
        log.warning(
            "%s cannot be saved whole, only its weights are, as %s: %s; give the class a get_config() and "
            "@keras.saving.register_keras_serializable()",
            *(type(model).__qualname__, WEIGHTS_FILE, error_in_a_line(error)),
        )
        return path
    return _readable(model, path)


def _readable(model: Any, path: str) -> str:
    """Log what a reader of ``model.keras`` needs, or also write the weights if nobody can read it."""
    from smc_keras import reading

    try:
        verdict = reading.read_back(model, path)
    except Exception as error:  # noqa: BLE001 - the model is written; checking it must not lose it
        log.warning("%s is written, and was not read back: %s", MODEL_FILE, error_in_a_line(error))
        return path
    if verdict.unreadable:
        weights = write_whole(os.path.join(os.path.dirname(path), WEIGHTS_FILE), model.save_weights)
        log.warning(
            "%s cannot be read again, so the weights are beside it, as %s: %s",
            *(MODEL_FILE, WEIGHTS_FILE, verdict.unreadable),
        )
        return weights
    if verdict.uncompiled:
        log.warning("%s can be read with compile=False only, to predict: %s", MODEL_FILE, verdict.uncompiled)
    for name in verdict.unsaved:
        log.warning("%s is not in %s, and comes back with other numbers: make it a weight", name, MODEL_FILE)
    if str(verdict.needs):
        log.info("to load %s: %s", MODEL_FILE, verdict.needs)
    return path


def export(model: Any, model_dir: str) -> str:
    """Write a model for serving, without its Python code, and return its path.

    Raises:
        Exception: whatever an exporter raises if it cannot express the model or lacks a package.

    """
    import keras

    if keras.config.backend() != "torch":  # JAX too, through TensorFlow
        return write_whole(os.path.join(model_dir, SAVED_MODEL), lambda path: model.export(path, verbose=False))
    import torch

    shapes = {0: torch.export.Dim("batch")}
    return write_whole(
        os.path.join(model_dir, TORCH_PROGRAM),
        lambda path: model.export(path, format="torch", dynamic_shapes=shapes, verbose=False),
    )


def load_model(path: str | os.PathLike[str], **options: Any) -> Any:
    """Load a model that a job has saved, in any process, on the backend installed there.

    Args:
        path: a ``.keras`` file, or a folder that contains ``model.keras``, such as ``environment.model_dir``.
        **options: arguments of ``keras.saving.load_model`` (``custom_objects``, ``compile``, ``safe_mode``).

    Returns:
        The model. If only its loss, metrics or optimizer cannot be read, such as a loss of the job's own that is not
        in ``custom_objects``, it is loaded without them (``compile=False``) and a warning is logged, unless ``compile``
        is given.

    Raises:
        FileNotFoundError: there is no such file.
        Exception: whatever Keras raises if it cannot read it.

    """
    file = os.path.join(path, MODEL_FILE) if os.path.isdir(path) else os.fspath(path)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no Keras model at {file}")
    keras = import_keras()
    try:
        return keras.saving.load_model(file, **options)
    except Exception as error:
        if "compile" in options:
            raise
        try:
            model = keras.saving.load_model(file, compile=False, **options)
        except Exception:  # noqa: BLE001 - the first error says what is missing
            raise error from None
        from smc_keras import reading

        log.warning("%s is loaded to predict, without its loss and optimizer: %s", file, reading.cause(error))
        return model
