"""Write a model as a SavedModel, which TensorFlow Serving can load, and load it again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from smc_core.kit import write_whole

VERSION = "1"
"""The SavedModel below the model folder: a version number, as TensorFlow Serving wants it."""
CHECKPOINT = "checkpoint"
"""The variables alone, where the model cannot be a SavedModel: ``tf.train.Checkpoint(model=...).read(.../model)``."""
KERAS_FILE = "model.keras"
SAVED_MODEL_FILE = "saved_model.pb"
_INNER_SIGNATURE = "__saved_model_init_op"


def is_known(model: Any) -> bool:
    """Whether TensorFlow can save it; imports nothing.

    It can save its own objects (a ``tf.Module``, a SavedModel that was loaded, a ``tf.train.Checkpoint``), a
    ``tf.function`` that has an ``input_signature`` or was called, and a Keras model on TensorFlow.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return False
    return _is_keras(model) or _is_trackable(model) or bool(_concrete(model))


def _is_keras(model: Any) -> bool:
    keras = sys.modules.get("keras")
    return (
        isinstance(model, getattr(keras, "Model", ())) and keras is not None and keras.config.backend() == "tensorflow"
    )


def _is_trackable(model: Any) -> bool:
    """Whether it is one of TensorFlow's trackable objects, such as a loaded SavedModel, which has no public class."""
    if any(base.__module__.partition(".")[0] == "keras" for base in type(model).__mro__):
        return False  # an optimizer or a layer is one too
    return isinstance(model, _classes("Module", "__internal__.tracking.AutoTrackable"))


def _concrete(model: Any) -> list[Any]:
    """The graphs of a ``tf.function``; none for anything else."""
    kind: Any = type(model)
    if issubclass(kind, _classes("types.experimental.ConcreteFunction")):
        return [model]
    if not issubclass(kind, _classes("types.experimental.GenericFunction")):
        return []
    if getattr(model, "input_signature", None) is not None:
        return [model.get_concrete_function()]
    traced = getattr(model, "_list_all_concrete_functions", None)  # TensorFlow has no public name for them
    return list(traced()) if callable(traced) else []


def _classes(*names: str) -> tuple[type, ...]:
    """Classes of TensorFlow by name, if this version has them."""
    found: list[Any] = []
    for name in names:
        value: Any = sys.modules["tensorflow"]
        for part in name.split("."):
            value = getattr(value, part, None)
        found.append(value)
    return tuple(each for each in found if isinstance(each, type))


def write(model: Any, path: str, *, with_signatures: bool = True) -> None:
    """Write a SavedModel.

    The serving signature of a Keras model is its call; of a ``tf.Module``, its only ``tf.function`` with an
    ``input_signature``; of such a function, the function itself. A loaded SavedModel keeps its signatures.

    Args:
        model: a model that :func:`is_known`.
        path: the folder to write.
        with_signatures: whether it gets signatures; its functions are saved in any case.

    Raises:
        Exception: whatever TensorFlow raises if it cannot express the model.

    """
    if _is_keras(model):
        model.export(path, verbose=False)
        return
    import tensorflow as tf

    signatures = getattr(model, "signatures", None)
    signatures = signatures if isinstance(signatures, Mapping) else None
    graphs = [] if _is_trackable(model) else _concrete(model)
    if graphs:
        holder = tf.Module()
        holder.function = model
        holder.variables_of_it = [variable for graph in graphs for variable in graph.variables]
        model, signatures = holder, {"serving_default": graphs[0]} if len(graphs) == 1 else None
    tf.saved_model.save(
        model,
        path,
        signatures=signatures if with_signatures else {},
        options=tf.saved_model.SaveOptions(experimental_io_device=_own_cpu()),
    )


def write_instead(model: Any, model_dir: str) -> str:
    """Write what can be kept of a model that cannot be a SavedModel, and return its path.

    A Keras model is written in Keras's own format; of anything else, the variables are written as a checkpoint.

    Raises:
        Exception: whatever TensorFlow or Keras raises if it cannot keep that.

    """
    if _is_keras(model):
        return write_whole(os.path.join(model_dir, KERAS_FILE), model.save)
    import tensorflow as tf

    graphs = [] if _is_trackable(model) else _concrete(model)
    kept = tf.Module() if graphs else model
    if graphs:
        kept.variables_of_it = [variable for graph in graphs for variable in graph.variables]

    def checkpoint(folder: str) -> None:
        os.mkdir(folder)
        tf.train.Checkpoint(model=kept).write(
            os.path.join(folder, "model"), options=tf.train.CheckpointOptions(experimental_io_device=_own_cpu())
        )

    return write_whole(os.path.join(model_dir, CHECKPOINT), checkpoint)


def _own_cpu() -> str:
    """This process's own CPU device, by its full name in the cluster.

    Without it, the host that holds a variable writes it, even a parameter server, and to that host's own disk:
    https://www.tensorflow.org/api_docs/python/tf/saved_model/SaveOptions.
    """
    import tensorflow as tf

    with tf.device("CPU:0"):
        return str(tf.constant(0).device)


def signatures(path: str) -> list[str]:
    """The names of a SavedModel's serving signatures."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    with open(os.path.join(path, SAVED_MODEL_FILE), "rb") as file:
        content.ParseFromString(file.read())
    return sorted({name for graph in content.meta_graphs for name in graph.signature_def} - {_INNER_SIGNATURE})


def saved_models(model_dir: str) -> list[str]:
    """Every SavedModel below a folder, by its relative path."""
    return sorted(
        os.path.relpath(folder, model_dir) for folder, _, files in os.walk(model_dir) if SAVED_MODEL_FILE in files
    )


def not_servable(model_dir: str) -> str | None:
    """Why TensorFlow Serving cannot load what a job has saved, and what to do; None if it can."""
    found = saved_models(model_dir)
    if any(os.path.basename(folder).isdecimal() for folder in found):
        return None
    wrong = f"no SavedModel is below {model_dir}, so TensorFlow Serving has nothing to load"
    if found:
        wrong = f"TensorFlow Serving wants the SavedModel in a folder named by a number, and it is in {found[0]!r}"
    example = os.path.join(model_dir, VERSION)
    return f"{wrong}; let train() return the model, or save it with tf.saved_model.save(model, {example!r})"


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load a SavedModel that a job has saved, in any process, without the job's code.

    Args:
        path: the SavedModel, or a folder of versions such as ``environment.model_dir``, of which the highest is loaded.

    Returns:
        What ``tf.saved_model.load`` returns: ``model.signatures["serving_default"]``, and the functions by name.

    Raises:
        FileNotFoundError: there is no SavedModel.

    """
    folder = os.fspath(path)
    if not os.path.exists(os.path.join(folder, SAVED_MODEL_FILE)):
        versions = [int(each) for each in saved_models(folder) if each.isdecimal()]
        if not versions:
            raise FileNotFoundError(f"there is no SavedModel at {folder}, nor below it in a folder named by a number")
        folder = os.path.join(folder, str(max(versions)))
    import tensorflow as tf

    return tf.saved_model.load(folder)
