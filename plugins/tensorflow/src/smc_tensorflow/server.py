"""One task of TensorFlow's cluster: a worker or a parameter server, which serves until it is killed.

``parameter_server.py`` starts it by the path of this file, with the task in ``TF_CONFIG``.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import os
from collections.abc import Sequence

from smc_core.errors import HostError
from smc_core.kit import die_with_parent, main
from smc_tensorflow.tf_config import TF_CONFIG_ENV, Task, read_tf_config


def run(_: Sequence[str]) -> int:
    """Serve; returns only if it cannot begin.

    Raises:
        HostError: the server cannot be started, for example because the port is taken.

    """
    die_with_parent()
    cluster, task = read_tf_config(os.environ[TF_CONFIG_ENV])
    if task is None:
        raise ValueError(f"{TF_CONFIG_ENV} names no task")
    _serve(cluster, task)
    return 1  # TensorFlow's servers never exit on their own


def _serve(cluster: dict[str, list[str]], task: Task) -> None:
    import tensorflow as tf

    address = cluster[task.type][task.number]
    try:
        server = tf.distribute.Server(tf.train.ClusterSpec(cluster), job_name=task.type, task_index=task.number)
    except tf.errors.OpError as error:
        reason = " ".join(str(error).split())
        raise HostError(
            f"TensorFlow cannot serve {task} at {address}: {reason}; the port may be taken (SMC_MASTER_PORT moves it)"
        ) from error
    server.join()


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
