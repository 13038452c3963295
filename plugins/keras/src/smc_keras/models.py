"""Write a model so that it is there whole or not at all, and find it again."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from smc_core.artifacts import in_a_line, write_whole
from smc_keras.backend import use_backend

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
    """Whether it is one; a process that never imported Keras has none, and does not import it to know that."""
    return isinstance(model, getattr(sys.modules.get("keras"), "Model", ()))


def save(model: Any, model_dir: str) -> str:
    """Write a model to ``model.keras`` in a folder, or where it cannot be, its weights alone; returns the path.

    Raises:
        OSError: the file cannot be written.
        Exception: whatever Keras raises that can save neither.

    """
    try:
        return write_whole(os.path.join(model_dir, MODEL_FILE), model.save)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - Keras asks the class itself, which may raise anything
        try:
            path = write_whole(os.path.join(model_dir, WEIGHTS_FILE), model.save_weights)
        except Exception:  # noqa: BLE001 - the first error tells more
            raise error from None
        log.warning(
            "%s cannot be saved whole, only its weights are, as %s: %s; give the class a get_config() and "
            "@keras.saving.register_keras_serializable()",
            *(type(model).__qualname__, WEIGHTS_FILE, in_a_line(error)),
        )
        return path


def export(model: Any, model_dir: str) -> str:
    """Write a model for serving, without its Python code, and return its path.

    Raises:
        Exception: whatever an exporter raises that cannot express the model, or lacks a package.

    """
    import keras

    if keras.config.backend() != "torch":  # jax too, by way of TensorFlow
        return write_whole(os.path.join(model_dir, SAVED_MODEL), lambda path: model.export(path, verbose=False))
    import torch

    shapes = {0: torch.export.Dim("batch")}
    return write_whole(
        os.path.join(model_dir, TORCH_PROGRAM),
        lambda path: model.export(path, format="torch", dynamic_shapes=shapes, verbose=False),
    )


def load_model(path: str | os.PathLike[str], **options: Any) -> Any:
    """Load a model that a job has saved, in any process, on the backend that is installed there.

    Args:
        path: a ``.keras`` file, or a folder in which ``model.keras`` lies, such as ``environment.model_dir``.
        **options: as ``keras.saving.load_model`` takes them (``custom_objects``, ``compile``, ``safe_mode``).

    Raises:
        FileNotFoundError: there is no such file.

    """
    file = os.path.join(path, MODEL_FILE) if os.path.isdir(path) else os.fspath(path)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no Keras model at {file}")
    use_backend()
    import keras

    return keras.saving.load_model(file, **options)
