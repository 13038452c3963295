"""Function mode: ``smc run`` calls ``train`` with what it asks for by name, and saves the model that it returns."""

import os

import keras
import numpy as np


def train(training_dir, hyperparameters):
    """Train a small network on handwritten digits.

    Args:
        training_dir: folder of the channel ``training``.
        hyperparameters: ``training_data_file``, ``epochs``, ``batch-size`` and ``learning-rate``, decoded.
    """
    data = np.load(os.path.join(training_dir, hyperparameters["training_data_file"]))
    x_train, y_train = data["features"], keras.utils.to_categorical(data["labels"])

    model = keras.models.Sequential()
    model.add(keras.layers.Input((64,)))
    model.add(keras.layers.Rescaling(1 / 16))
    model.add(keras.layers.Dense(256, activation="relu"))
    model.add(keras.layers.Dropout(0.5))
    model.add(keras.layers.Dense(10, activation="softmax"))

    sgd = keras.optimizers.SGD(hyperparameters["learning-rate"], momentum=0.9, nesterov=True)
    model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])

    model.fit(
        x_train,
        y_train,
        epochs=hyperparameters["epochs"],
        batch_size=hyperparameters["batch-size"],
        verbose=2,
    )
    return model
