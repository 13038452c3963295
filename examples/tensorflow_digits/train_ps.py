"""Parameter servers: the chief runs this program, and gives work to the workers of all hosts.

``SMC_LAUNCHER=parameter-server smc run`` starts workers and parameter servers beside it, on every host. Keras 3 has no
support for them; this is TensorFlow's own ``ClusterCoordinator``.
"""

import os

import numpy as np
import tensorflow as tf

import smc_core as smc


class Digits(tf.Module):
    """A network of one hidden layer, whose variables lie on the parameter servers."""

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


def train(training_dir, hyperparameters):
    """Train a small network on handwritten digits.

    Args:
        training_dir: folder of the channel ``training``.
        hyperparameters: ``training_data_file``, ``epochs``, ``batch-size``, ``learning-rate`` and ``seed``, decoded.
    """
    strategy = smc.tensorflow.strategy()
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    data = np.load(os.path.join(training_dir, hyperparameters["training_data_file"]))
    features, labels = data["features"], data["labels"]
    with strategy.scope():
        model = Digits(hyperparameters["seed"])

    def digits(context):
        """The batches of one worker, without end, in an order of its own."""
        dataset = tf.data.Dataset.from_tensor_slices((features, labels))
        dataset = dataset.shuffle(len(labels), seed=hyperparameters["seed"] + context.input_pipeline_id)
        return dataset.repeat().batch(hyperparameters["batch-size"])

    @tf.function
    def batches():
        return strategy.distribute_datasets_from_function(digits)

    def learn(batch):
        batch_features, batch_labels = batch
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, model.logits(batch_features))
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign_sub(2 * hyperparameters["learning-rate"] * gradient)
        return loss

    @tf.function
    def step(iterator):
        return strategy.run(learn, args=(next(iterator),))

    iterator = iter(coordinator.create_per_worker_dataset(batches))
    for epoch in range(1, hyperparameters["epochs"] + 1):
        steps = len(labels) // hyperparameters["batch-size"]
        results = [coordinator.schedule(step, args=(iterator,)) for _ in range(steps)]
        coordinator.join()
        print(f"epoch={epoch} loss={np.mean([each.fetch() for each in results]):.4f}", flush=True)
    return model
