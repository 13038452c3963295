"""Function mode: ``smc run`` calls ``train`` with what it asks for by name, and saves the model that it returns.

The same program trains on one host, on several GPUs, and on many hosts with ``SMC_LAUNCHER=mwms``.
"""

import os

import numpy as np
import tensorflow as tf

import smc_core as smc


class Digits(tf.Module):
    """A network of one hidden layer, in plain TensorFlow."""

    def __init__(self, seed):
        super().__init__()
        self.hidden = tf.Variable(tf.random.stateless_normal((64, 128), (seed, 0), stddev=0.15))
        self.hidden_bias = tf.Variable(tf.zeros(128))
        self.output = tf.Variable(tf.random.stateless_normal((128, 10), (seed, 1), stddev=0.1))
        self.output_bias = tf.Variable(tf.zeros(10))

    def logits(self, features):
        """Ten numbers for each digit, the highest for the most likely."""
        hidden = tf.nn.relu(features / 16 @ self.hidden + self.hidden_bias)
        return hidden @ self.output + self.output_bias

    @tf.function(input_signature=[tf.TensorSpec((None, 64), tf.float32)])
    def __call__(self, features):
        """What is served: how likely each of the ten digits is."""
        return tf.nn.softmax(self.logits(features))


def train(training_dir, hyperparameters, is_chief):
    """Train a small network on handwritten digits.

    Args:
        training_dir: folder of the channel ``training``.
        hyperparameters: ``training_data_file``, ``epochs``, ``batch-size``, ``learning-rate`` and ``seed``, decoded.
        is_chief: whether this process speaks for all.
    """
    strategy = smc.tensorflow.strategy()
    data = np.load(os.path.join(training_dir, hyperparameters["training_data_file"]))
    digits = tf.data.Dataset.from_tensor_slices((data["features"], data["labels"]))
    digits = digits.shuffle(len(data["labels"]), seed=hyperparameters["seed"])
    digits = digits.batch(hyperparameters["batch-size"], drop_remainder=True)  # of all hosts together

    with strategy.scope():
        model = Digits(hyperparameters["seed"])
        momenta = [tf.Variable(tf.zeros_like(each), trainable=False) for each in model.trainable_variables]

    def learn(features, labels):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model.logits(features))
            loss = tf.reduce_mean(losses) / strategy.num_replicas_in_sync
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients = tf.distribute.get_replica_context().all_reduce("sum", gradients)
        for variable, momentum, gradient in zip(model.trainable_variables, momenta, gradients, strict=True):
            momentum.assign(0.9 * momentum + gradient)
            variable.assign_sub(hyperparameters["learning-rate"] * momentum)
        return loss

    @tf.function
    def step(batch):
        return strategy.reduce("sum", strategy.run(learn, args=batch), axis=None)

    for epoch in range(1, hyperparameters["epochs"] + 1):
        losses = [step(batch) for batch in strategy.experimental_distribute_dataset(digits)]
        if is_chief:
            print(f"epoch={epoch} loss={float(tf.reduce_mean(losses)):.4f}", flush=True)
    return model
