"""Script mode: ``smc run`` runs this file as ``python train_script.py --batch-size 32 …`` would."""

import argparse
import os

import keras
import numpy as np

import smc_core as smc

env = smc.Environment.create()

parser = argparse.ArgumentParser()
parser.add_argument("--training-data-dir", default=env.channel_dirs["training"])
parser.add_argument("--training_data_file", default=env.training_data_file)
parser.add_argument("--model-dir", default=env.model_dir)
parser.add_argument("--epochs", type=int, default=env.epochs.to_int())
parser.add_argument("--batch-size", type=int, default=env.batch_size.to_int())
parser.add_argument("--learning-rate", type=float, default=env["learning-rate"].to_float())
parser.add_argument("--seed", type=int, default=env.seed.to_int())
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
data = np.load(os.path.join(args.training_data_dir, args.training_data_file))

model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Rescaling(1 / 16),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
sgd = keras.optimizers.SGD(args.learning_rate, momentum=0.9)
model.compile(loss="sparse_categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(data["features"], data["labels"], epochs=args.epochs, batch_size=args.batch_size, verbose=2)

# a SavedModel in a folder named by a number, as TensorFlow Serving wants it
model.export(os.path.join(args.model_dir, "1"), verbose=False)
