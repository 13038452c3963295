"""Script mode: ``smc run`` runs this file as ``python train_script.py --batch-size 32 …`` would."""

import argparse
import os

import keras
import numpy as np

import smc_core as smc

env = smc.Environment.create()

parser = argparse.ArgumentParser()
parser.add_argument("--training-data-dir", default=env.channel_dirs["training"])
parser.add_argument("--validation-data-dir", default=env.channel_dirs["validation"])
parser.add_argument("--training_data_file", default=env.training_data_file)
parser.add_argument("--model-dir", default=env.model_dir)
parser.add_argument("--epochs", type=int, default=env.epochs.to_int())
parser.add_argument("--batch-size", type=int, default=env.batch_size.to_int())
parser.add_argument("--learning-rate", type=float, default=env["learning-rate"].to_float())
parser.add_argument("--seed", type=int, default=env.seed.to_int())
args = parser.parse_args()


def load(folder):
    """Read the features and one-hot labels of a channel."""
    data = np.load(os.path.join(folder, args.training_data_file))
    return data["features"], keras.utils.to_categorical(data["labels"])


keras.utils.set_random_seed(args.seed)
x_train, y_train = load(args.training_data_dir)

model = keras.models.Sequential()
model.add(keras.layers.Input((64,)))
model.add(keras.layers.Rescaling(1 / 16))
model.add(keras.layers.Dense(256, activation="relu"))
model.add(keras.layers.Dropout(0.5))
model.add(keras.layers.Dense(10, activation="softmax"))

sgd = keras.optimizers.SGD(args.learning_rate, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])

model.fit(
    x_train,
    y_train,
    epochs=args.epochs,
    batch_size=args.batch_size,
    validation_data=load(args.validation_data_dir),
    callbacks=[smc.keras.EpochLogger()],  # one line per epoch, for the metric definitions of the job
    verbose=0,
)

# saves the model in the end of training
model.save(os.path.join(args.model_dir, "model.keras"))
