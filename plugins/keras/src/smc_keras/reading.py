"""Checks whether a saved model can be read again, and what its reader needs, before a job reports it as saved.

Only the structure is read, not the numbers: objects are created from the configuration in the file, which is the step
that fails, and the shapes of their weights are compared. A large model takes no longer than a small one, and hardly any
memory.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

_CODE_INSIDE = ("__lambda__", "TorchModuleWrapper", "TFSMLayer")
"""What Keras reads with ``safe_mode=False`` only."""
_COMPILED = "compile_config"
_KERAS = "keras"
_CLOSED = "each class of yours must take **kwargs, and return from get_config() what its __init__() needs"
_LOST = "let get_config() return every argument of __init__(), and share no layer between inner models"
_REGISTERED = ">"
"""What is in a name that ``register_keras_serializable`` has given: ``package>name``."""


@dataclass
class Needs:
    """What the reader of a model must provide.

    Attributes:
        model: keys of ``custom_objects``, by the names in the file, without which the model cannot be loaded.
        training: keys without which it can predict but not be trained further: its loss, metrics and optimizer.
        is_unsafe: whether the file contains code, such as that of a Python lambda.
    """

    model: dict[str, str] = field(default_factory=dict)
    training: dict[str, str] = field(default_factory=dict)
    is_unsafe: bool = False

    def __str__(self) -> str:
        training = {name: module for name, module in self.training.items() if name not in self.model}
        parts = [_of_the_reader(self.model)] if self.model else []
        parts += [f"to train on, {_of_the_reader(training)}"] if training else []
        if self.is_unsafe:
            version = ".".join(map(str, sys.version_info[:2]))
            parts.append(f"safe_mode=False, on Python {version}, for the code that is in it")
        return "; ".join(parts)


def _of_the_reader(names: dict[str, str]) -> str:
    given = [name for name in names if _REGISTERED not in name]
    imported = sorted({module for name, module in names.items() if _REGISTERED in name})
    parts = [f"custom_objects for {', '.join(given)}"] if given else []
    return " and ".join([*parts, *(f"import {module}" for module in imported)])


def _configuration(path: str) -> dict[str, Any]:
    """The configuration in a ``.keras`` file."""
    with zipfile.ZipFile(path) as archive:
        return dict(json.loads(archive.read("config.json")))


def needs(config: dict[str, Any]) -> Needs:
    """What a configuration contains that is not Keras's own."""
    found = Needs()
    for node, is_training in _nodes(config, False):
        name = str(node.get("registered_name") or node.get("class_name"))
        if node["class_name"] in _CODE_INSIDE:
            found.is_unsafe = True
        elif _is_own(node):
            key = str(node["config"]) if node["class_name"] == "function" else name
            (found.training if is_training else found.model)[key] = str(node.get("module"))
    return found


def _nodes(value: Any, is_training: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each object in a configuration, and whether it belongs to the arguments of ``compile()``."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and "config" in value:
            yield value, is_training
        for key, inner in value.items():
            yield from _nodes(inner, is_training or key == _COMPILED)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner, is_training)


def _is_own(node: dict[str, Any]) -> bool:
    if node["class_name"] == "function":
        return isinstance(node["config"], str) and not _is_builtin(node)
    if node["class_name"].startswith("__"):
        return False  # __keras_tensor__, and whatever else is a value
    return str(node.get("module")).partition(".")[0] != _KERAS


def _is_builtin(node: dict[str, Any]) -> bool:
    """Whether a function is Keras's own: a file has them all by their bare names."""
    import keras

    with contextlib.suppress(Exception):
        return _is_kerass(keras.saving.deserialize_keras_object(node))
    return False


def _is_kerass(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] == _KERAS


@dataclass
class Verdict:
    """The result of reading a saved model again.

    Attributes:
        needs: what its reader must provide.
        unreadable: why it cannot be read, and what to do; None if it can.
        uncompiled: why its loss, metrics or optimizer cannot be read; None if they can.
        unsaved: attributes with numbers that differ after loading: ``Class.attribute``.
    """

    needs: Needs
    unreadable: str | None = None
    uncompiled: str | None = None
    unsaved: list[str] = field(default_factory=list)


def read_back(model: Any, path: str) -> Verdict:
    """Read the structure of a ``.keras`` file, in the process that has written it and therefore has all classes.

    A class that cannot be found in this process is not the model's fault: nothing is reported then.

    Args:
        model: the model that was saved.
        path: the file.

    """
    config = _configuration(path)
    verdict = Verdict(needs(config))
    classes = _alive(verdict.needs.model | verdict.needs.training)
    if verdict.needs.model.keys() <= classes.keys():
        try:
            read = _made(_without_training(config), classes)
        except Exception as error:  # noqa: BLE001 - the classes are the user's
            verdict.unreadable = f"{cause(error)}; {_CLOSED}"
        else:
            verdict.unreadable = _other_shapes(model, read)
            verdict.unsaved = _other_numbers(model, read)
    if verdict.needs.training.keys() <= classes.keys():
        verdict.uncompiled = _why_not_compiled(model, config, classes)
    return verdict


def _why_not_compiled(model: Any, config: dict[str, Any], classes: dict[str, Any]) -> str | None:
    import keras

    if type(model).compile is not keras.Model.compile:
        return None  # Keras leaves it to the user's own compile()
    try:
        keras.saving.deserialize_keras_object(config.get(_COMPILED), custom_objects=classes, safe_mode=False)
    except Exception as error:  # noqa: BLE001 - the classes are the user's
        return cause(error)
    return None


def _without_training(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_training(inner) for key, inner in value.items() if key != _COMPILED}
    return [_without_training(inner) for inner in value] if isinstance(value, list) else value


def _made(config: dict[str, Any], classes: dict[str, Any]) -> Any:
    """The model of a configuration, without numbers if Keras can create it without them."""
    import keras

    def make() -> Any:
        return keras.saving.deserialize_keras_object(config, custom_objects=classes, safe_mode=False)

    with warnings.catch_warnings(), _alone(), keras.device("cpu:0"):
        warnings.simplefilter("ignore")
        try:
            with keras.StatelessScope(initialize_variables=False):
                return make()
        except Exception:  # noqa: BLE001 - a layer that sets its variables while it is built needs them
            return make()
        finally:
            _forget_variables()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """While entered, no distribution is set: with one, all processes would have to create each variable together."""
    import keras

    distribution = keras.distribution.distribution()
    if distribution is not None:
        keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        if distribution is not None:
            keras.distribution.set_distribution(distribution)


def _forget_variables() -> None:
    """Clear Keras's list of variables to initialise later, if this version of Keras has it in that place."""
    with contextlib.suppress(Exception):
        from keras.src.backend.common import global_state

        global_state.set_global_attribute("uninitialized_variables", [])


def _alive(names: dict[str, str]) -> dict[str, Any]:
    """The classes and functions with these names in this process, those of the named module first.

    A local one, such as a class defined in ``train``, is in no module's namespace, so all objects are searched for it.
    """
    found: dict[str, Any] = {}
    if not names:
        return found
    import keras

    for name, module in names.items():
        place = sys.modules.get(module) if module != "builtins" else None  # where Keras puts every function
        own = keras.saving.get_registered_object(name) or getattr(place, name, None)
        if own is not None:
            found[name] = own
    missing = set(names) - set(found)
    objects = gc.get_objects() if missing else []
    named = [each for each in objects if isinstance(each, (type, FunctionType)) and each.__name__ in missing]
    return {each.__name__: each for each in sorted(named, key=_is_the_users)} | found


def _is_the_users(each: Any) -> bool:
    """Whether a class or function comes from no installed package."""
    return "-packages" not in str(getattr(sys.modules.get(each.__module__), "__file__", "-packages"))


def _other_shapes(model: Any, read: Any) -> str | None:
    saved, found = (sorted(tuple(weight.shape) for weight in each.weights) for each in (model, read))
    if saved == found:
        return None
    if len(saved) != len(found):
        return f"read back, it has {len(found)} weights, and {len(saved)} were saved; {_LOST}"
    here, there = next(pair for pair in zip(saved, found, strict=True) if pair[0] != pair[1])
    return f"read back, a weight has the shape {there}, and {here} was saved; {_LOST}"


def _other_numbers(model: Any, read: Any) -> list[str]:
    """Arrays in attributes of the user's own layers that are not weights and differ from what ``__init__()`` sets."""
    found = []
    for here, there in zip(_all_layers(model), _all_layers(read), strict=False):
        if type(here) is not type(there) or _is_kerass(type(here)):
            continue
        for name, value in vars(here).items():
            if _is_array(value) and not name.startswith("_") and not _is_equal(value, getattr(there, name, None)):
                found.append(f"{type(here).__qualname__}.{name}")
    return found


def _all_layers(model: Any) -> list[Any]:
    flatten = getattr(model, "_flatten_layers", None)  # Keras has no public one
    return list(flatten()) if callable(flatten) else []


def _is_array(value: Any) -> bool:
    import keras

    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, keras.Variable)


def _is_equal(value: Any, other: Any) -> bool:
    import keras
    import numpy

    try:
        return bool(numpy.array_equal(*(keras.ops.convert_to_numpy(each) for each in (value, other))))
    except Exception:  # noqa: BLE001 - not numbers after all, such as a symbolic tensor
        return True


def cause(error: BaseException) -> str:
    """The innermost error on one line: Keras wraps it in the whole configuration."""
    while error.__context__ is not None:
        error = error.__context__
    text = " ".join(str(error).split()).partition(" Full object config")[0]
    return f"{type(error).__name__}: {text[:300]}"
