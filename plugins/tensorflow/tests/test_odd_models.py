"""A corpus of odd models of TensorFlow's: each saved by the plugin, and read again; or kept, with the right warning."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.testing import JobFolder
from smc_tensorflow import load_model, models, plugin

# Keras's variables on NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
X = np.array([1.0, 2.0, 3.0], "float32")
NO_SIGNATURE = "the SavedModel has no signature, so TensorFlow Serving cannot call it"


@pytest.fixture(autouse=True)
def _variables_that_frameworks_set(tf: Any) -> Iterator[None]:
    with mock.patch.dict(os.environ):
        yield


def scale(tf: Any, *, signature: bool = True) -> Any:
    """A function that multiplies by a variable, which is nobody's attribute."""
    weight = tf.Variable(3.0)
    spec = {"input_signature": [tf.TensorSpec((None,), tf.float32)]} if signature else {}
    return tf.function(lambda x: x * weight, **spec)


def module(tf: Any, **attributes: Any) -> Any:
    made = tf.Module()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def tracked(tf: Any, call: Any, *specs: Any) -> Any:
    """A module that has its variable, and one function."""
    made = module(tf, weight=tf.Variable(3.0))
    made.predict = tf.function(
        lambda x: call(x, made.weight), input_signature=specs or [tf.TensorSpec((None,), tf.float32)]
    )
    return made


def concrete(tf: Any) -> Any:
    function = scale(tf)
    graph = function.get_concrete_function()
    graph.kept = function  # which alone has the variable, as a program would that goes on
    return graph


def nested(tf: Any) -> Any:
    weight = tf.Variable(3.0)
    return tf.function(lambda x: [x, [x * weight]], input_signature=[tf.TensorSpec((None,), tf.float32)])


def called(function: Any, *inputs: Any) -> Any:
    function(*inputs)
    return function


def table(tf: Any) -> Any:
    content = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1.0, 2.0])
    made = module(tf, table=tf.lookup.StaticHashTable(content, 0.0))
    made.look = tf.function(lambda x: made.table.lookup(x), input_signature=[tf.TensorSpec((None,), tf.string)])
    return made


def loaded(tf: Any, folder: Path) -> Any:
    tf.saved_model.save(tracked(tf, lambda x, w: x * w), str(folder))
    return tf.saved_model.load(str(folder))


SERVED: dict[str, Any] = {
    "module": lambda tf, _: tracked(tf, lambda x, w: x * w),
    "module that returns a dict": lambda tf, _: tracked(tf, lambda x, w: {"y": x * w}),
    "module of modules": lambda tf, _: module(
        tf, inner=(inner := tracked(tf, lambda x, w: x * w)), predict=inner.predict
    ),
    "function": lambda tf, _: scale(tf),
    "concrete function": lambda tf, _: concrete(tf),
    "function that was called": lambda tf, _: called(scale(tf, signature=False), tf.constant(X)),
    "loaded SavedModel": loaded,
    "keras": lambda tf, _: tf.keras.Sequential([tf.keras.Input(()), tf.keras.layers.Rescaling(3.0)]),
}


@pytest.mark.parametrize("name", SERVED)
def test_a_model_that_can_be_served_predicts_the_same(
    tf: Any, job: JobFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = saved(job, SERVED[name](tf, tmp_path / "earlier"))
    assert path == f"{job.base}/model/1"
    (served,) = load_model(path).signatures["serving_default"](tf.constant(X)).values()
    np.testing.assert_allclose(served.numpy(), 3 * X)
    assert not caplog.records


def test_a_table_of_words_is_served(tf: Any, job: JobFolder) -> None:
    path = saved(job, table(tf))
    (served,) = load_model(path).signatures["serving_default"](tf.constant(["b", "z"])).values()
    assert served.numpy().tolist() == [2.0, 0.0]


KEPT: dict[str, Any] = {
    "variables alone": (lambda tf: module(tf, weight=tf.Variable(3.0)), "1", [NO_SIGNATURE]),
    "checkpoint": (lambda tf: tf.train.Checkpoint(weight=tf.Variable(3.0)), "1", [NO_SIGNATURE]),
    "nested output": (
        lambda tf: tracked(tf, lambda x, w: [x * w, [x]]),
        "1",
        [NO_SIGNATURE],
    ),
    "function with nested output": (
        lambda tf: nested(tf),
        "1",
        ["the signature of Function cannot be saved: ValueError: ", NO_SIGNATURE],
    ),
    "a variable that is nobody's": (
        lambda tf: module(tf, weight=tf.Variable(3.0), call=scale(tf)),
        "checkpoint",
        ["Module cannot be a SavedModel, which TensorFlow Serving loads, and is kept as checkpoint: "],
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_served_is_kept_and_warned_of(
    tf: Any, job: JobFolder, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    make, kept, said = KEPT[name]
    path = saved(job, make(tf))
    assert os.path.basename(path) == kept
    assert [record.getMessage()[: len(start)] for record, start in zip(caplog.records, said, strict=True)] == said
    if kept == "checkpoint":
        read = tf.Module()
        read.weight = tf.Variable(0.0)
        tf.train.Checkpoint(model=read).read(os.path.join(path, "model")).expect_partial()
    else:
        read = load_model(path)
    weight = getattr(read, "weight", None) or read.variables_of_it[0]
    assert weight.numpy() == 3.0


def test_a_keras_model_that_cannot_be_exported_is_kept_in_keras_own_format(
    tf: Any, job: JobFolder, caplog: pytest.LogCaptureFixture
) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.export = None
    assert saved(job, model) == f"{job.base}/model/model.keras"
    assert (
        "Sequential cannot be a SavedModel, which TensorFlow Serving loads, and is kept as model.keras: " in caplog.text
    )


def test_what_tensorflow_does_not_save_is_left_to_others(tf: Any, job: JobFolder) -> None:
    import keras

    for other in (scale(tf, signature=False), tf.Variable(1.0), tf.constant(1.0), keras.optimizers.SGD(), (1, 2)):
        assert not models.is_known(other)


def saved(job: JobFolder, model: Any) -> str:
    path = plugin.save_model(Environment.create(base_dir=str(job.base), environ={}), model)
    assert path is not None
    assert os.path.exists(path)
    return path


def draw(tf: Any, job: JobFolder) -> list[Any]:
    """What is drawn in a job, before it ends."""
    steps = plugin.train(Environment.create(base_dir=str(job.base), environ={}))
    next(steps)
    return [random.random(), np.random.rand(), float(tf.random.uniform(()))]


def test_a_seed_draws_the_same_numbers_again(tf: Any, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_is_tensorflows", lambda: True)  # another test may have imported PyTorch here
    first, again, other = (draw(tf, job.hyperparameters(seed=number)) for number in (7, 7, 8))
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.parametrize("number", ["abc", "-1", "4294967296"])
def test_what_is_no_seed(tf: Any, job: JobFolder, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setattr(plugin, "_is_tensorflows", lambda: True)
    with pytest.raises(ConfigurationError, match="'seed' is "):
        draw(tf, job.hyperparameters(seed=number))
