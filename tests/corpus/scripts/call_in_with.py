# script: below a distribution strategy
import tensorflow as tf


def train(strategy):
    return strategy.num_replicas_in_sync


strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    train(strategy)
