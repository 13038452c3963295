"""The distribution strategy of a job, created by the process that trains."""

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

    It depends on ``TF_CONFIG``, which the launcher sets: ``ParameterServerStrategy`` if the cluster has parameter
    servers; ``MultiWorkerMirroredStrategy`` if it has only workers. Without it: ``MirroredStrategy`` for several GPUs,
    and the default strategy for one device. Call it before anything else of TensorFlow: a strategy for several hosts
    starts servers. Further calls return the same object.

    A SIGTERM handler that was set before stays in force, although TensorFlow replaces it when it creates a
    ``MultiWorkerMirroredStrategy``. Without one, TensorFlow's own handler keeps that signal from killing the process.

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
    """Restore the SIGTERM handler that was set before: TensorFlow's C++ code silently replaces it."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if callable(handler) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
