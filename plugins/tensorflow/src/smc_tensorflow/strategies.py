"""The distribution strategy of a job, made by the process that trains."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from smc_tensorflow.tf_config import PS, TF_CONFIG_ENV, read_tf_config


@cache
def strategy() -> Any:
    """The ``tf.distribute.Strategy`` for this job, so that one program runs on one host and on many.

    By ``TF_CONFIG``, which the launcher sets: ``ParameterServerStrategy`` where the cluster has parameter servers;
    ``MultiWorkerMirroredStrategy`` where it has workers alone. Else ``MirroredStrategy`` for several GPUs, and the
    default strategy for one device. To be called before anything else of TensorFlow's: a strategy of several hosts
    starts servers. Called again, it returns the same one.

    A handler of SIGTERM stays the one that is called, though TensorFlow puts its own in its place where it makes a
    ``MultiWorkerMirroredStrategy``; without one, TensorFlow's keeps the process from being ended by that signal.

    Raises:
        ConfigurationError: ``TF_CONFIG`` is malformed.

    """
    cluster, _ = read_tf_config(os.environ.get(TF_CONFIG_ENV, ""))
    import tensorflow as tf

    with _own_handler():
        if cluster.get(PS):
            return tf.distribute.ParameterServerStrategy(tf.distribute.cluster_resolver.TFConfigClusterResolver())
        if cluster:
            return tf.distribute.MultiWorkerMirroredStrategy()
        if len(tf.config.list_physical_devices("GPU")) > 1:
            return tf.distribute.MirroredStrategy()
        return tf.distribute.get_strategy()


@contextmanager
def _own_handler() -> Iterator[None]:
    """Put the handler of SIGTERM that was there back in its place: TensorFlow's C++ code replaces it without a word."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if callable(handler) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
