"""Models as people write them, odd ones: each maker returns what ``train`` would, and inputs to compare by."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

X = np.linspace(0, 1, 32, dtype="float32").reshape(8, 4)
SEQUENCES = X[..., None]


def stacked(*of_layers: Any, shape: tuple[int, ...] = (4,)) -> Any:
    return keras.Sequential([keras.Input(shape), *of_layers])


def fitted(model: Any = None, **options: Any) -> Any:
    model = model or stacked(layers.Dense(1))
    model.compile(**{"loss": "mse", "optimizer": "sgd", "run_eagerly": True, **options})
    model.fit(X, X[:, :1], verbose=0)
    return model


def called(model: Any, inputs: Any = X) -> Any:
    model(inputs)
    return model


def predictions(model: Any, inputs: Any) -> dict[str, Any]:
    """What a model says of inputs, by the names of its outputs; text needs TensorFlow."""
    if isinstance(inputs, list):
        import tensorflow as tf

        inputs = tf.constant(inputs)
    predicted = model(inputs)
    predicted = predicted if isinstance(predicted, dict) else {"y": predicted}
    return {name: ops.convert_to_numpy(value) for name, value in predicted.items()}


class Configured(keras.Model):
    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Unconfigured(keras.Model):
    def __init__(self, width: object) -> None:
        super().__init__()
        self.dense = layers.Dense(len(str(width)))

    def call(self, x: Any) -> Any:
        return self.dense(x)


class TwoInputs(keras.Model):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = layers.Dense(2)

    def call(self, pair: Any) -> Any:
        return self.dense(pair["a"]) + self.dense(pair["b"])


class OwnStep(keras.Model):
    def train_step(self, *arguments: Any, **options: Any) -> Any:
        return super().train_step(*arguments, **options)


class OwnCompile(Configured):
    def compile(self, optimizer: Any, extra: int) -> None:
        super().compile(optimizer=optimizer, loss="mse", run_eagerly=True)
        self.extra = extra


class Closed(layers.Layer):
    """The commonest fault: no ``**kwargs``, so that Keras cannot give it its name and type again."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x: Any) -> Any:
        return x @ self.kernel


class Forgetful(layers.Layer):
    """Its get_config() leaves out an argument that has a default, which the reader gets."""

    def __init__(self, units: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x: Any) -> Any:
        return x @ self.kernel

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


class Table(layers.Layer):
    """It keeps numbers where Keras does not look for them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.table = np.ones(4, "float32")

    def call(self, x: Any) -> Any:
        return x * self.table


@keras.saving.register_keras_serializable("odd")
class Registered(layers.Layer):
    def __init__(self, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Constant(keras.initializers.Initializer):
    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        return ops.full(shape, self.value, dtype=dtype)


class Weighted(keras.losses.Loss):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def call(self, truth: Any, predicted: Any) -> Any:
        return self.factor * ops.mean((truth - predicted) ** 2)


class Slow(keras.optimizers.SGD):
    def __init__(self, rate: float) -> None:
        super().__init__(learning_rate=rate)


def own_loss(truth: Any, predicted: Any) -> Any:
    return ops.mean((truth - predicted) ** 2)


def own_metric(truth: Any, predicted: Any) -> Any:
    return ops.mean(ops.abs(truth - predicted))


def wave(x: Any) -> Any:
    return ops.sin(x)


def shared() -> Any:
    inputs, dense = keras.Input((4,)), layers.Dense(4)
    return keras.Model(inputs, dense(dense(inputs))), X


def many_ends() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    joined = layers.concatenate([a, b])
    return keras.Model({"a": a, "b": b}, {"x": layers.Dense(1)(joined), "y": layers.Dense(2)(joined)}), {"a": X, "b": X}


def nested() -> Any:
    inner = stacked(layers.Dense(4, activation=wave))
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1)(inner(inputs))), X


def shared_among_models() -> Any:
    inner, inputs = stacked(layers.Dense(4)), keras.Input((4,))
    return keras.Model(inputs, inner(stacked(inner)(inputs))), X


def two_inputs() -> Any:
    pair = {"a": X, "b": X}
    return called(TwoInputs(), pair), pair


def own_compile() -> Any:
    model = OwnCompile(1)
    model.compile("sgd", 3)
    model.fit(X, X[:, :1], verbose=0)
    return model, X


def table() -> Any:
    layer = Table()
    layer.table = X[3]
    return stacked(layer), X


def mixed() -> Any:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return fitted(), X
    finally:
        keras.mixed_precision.set_global_policy("float32")


def normalized() -> Any:
    layer = layers.Normalization()
    layer.adapt(X)
    return fitted(stacked(layer, layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1))), X


def sparse() -> Any:
    inputs = keras.Input((4,), sparse=True)
    return keras.Model(inputs, layers.Dense(2)(inputs)), X


def strings() -> Any:
    inputs = keras.Input((1,), dtype="string")
    ids = layers.StringLookup(vocabulary=["a", "b"])(inputs)
    return keras.Model(inputs, layers.Flatten()(layers.Embedding(4, 2)(ids))), [["a"], ["b"], ["z"]]


def texts() -> Any:
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(["a b c", "b"])
    inputs = keras.Input((1,), dtype="string")
    return keras.Model(inputs, layers.Flatten()(layers.Embedding(9, 2)(layer(inputs)))), [["a b"], ["z"]]


def local() -> Any:
    class Local(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 3.0

    globals()["Local"] = Local  # for the reader of this corpus; the job's own reader would have it elsewhere
    return stacked(Local()), X


def history() -> Any:
    model = stacked(layers.Dense(1))
    model.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    return model.fit(X, X[:, :1], verbose=0), X


MODELS: dict[str, Any] = {
    "functional, a layer shared": shared,
    "functional, many inputs and outputs": many_ends,
    "nested": nested,
    "nested, a model shared among models": shared_among_models,
    "subclassed": lambda: (called(Configured(3)), X),
    "subclassed, no get_config": lambda: (called(Unconfigured(object)), X),
    "subclassed, two inputs": two_inputs,
    "subclassed, never called": lambda: (Configured(3), None),
    "sequential, never built": lambda: (keras.Sequential([layers.Dense(3)]), None),
    "own training step": lambda: (fitted(OwnStep(*[(i := keras.Input((4,))), layers.Dense(1)(i)])), X),
    "own compile": own_compile,
    "layer without **kwargs": lambda: (stacked(Closed(3)), X),
    "layer whose get_config forgets": lambda: (stacked(Forgetful(3)), X),
    "layer with numbers of its own": table,
    "layer that is registered": lambda: (stacked(Registered(3.0)), X),
    "layer of a function's own": local,
    "initializer without get_config": lambda: (stacked(layers.Dense(2, kernel_initializer=Constant(0.5))), X),
    "own activation": lambda: (stacked(layers.Dense(2, activation=wave)), X),
    "Lambda": lambda: (stacked(layers.Lambda(lambda x: x * 2)), X),
    "Lambda of a function": lambda: (stacked(layers.Lambda(wave)), X),
    "own loss": lambda: (fitted(loss=own_loss), X),
    "own loss without get_config": lambda: (fitted(loss=Weighted(2.0)), X),
    "own metric": lambda: (fitted(metrics=[own_metric]), X),
    "own optimizer": lambda: (fitted(optimizer=Slow(0.1)), X),
    "recurrent": lambda: (stacked(layers.LSTM(3, return_sequences=True), layers.GRU(2), shape=(4, 1)), SEQUENCES),
    "recurrent, stateful": lambda: (
        keras.Sequential([keras.Input(batch_shape=(8, 4, 1)), layers.LSTM(3, stateful=True)]),
        SEQUENCES,
    ),
    "mixed precision": mixed,
    "normalized": normalized,
    "sparse input": sparse,
    "strings": strings,
    "texts": texts,
    "history": history,
}
