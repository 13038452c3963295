"""What the processes of a job on several hosts do together, on JAX: join, train on parts of the data, and leave.

JAX is imported with the first call, Keras only where it is installed.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
from typing import Any

from smc_core.environment import Environment
from smc_core.kit import is_installed
from smc_keras.backend import import_keras
from smc_keras.distribution import ADDRESS_ENV, PROCESS_ENV, PROCESSES_ENV

SHUTDOWN_SECONDS = 24 * 3600
"""How long a process that is ready waits for the others: one may measure or save for hours. A host that is lost is
noticed by smc, and by JAX's heartbeat."""

log = logging.getLogger("smc.keras")
_state = {"joined": False}


def initialize_distribution(seed: int | None = None) -> bool:
    """Join the processes of this job that the launcher ``jax`` has started (``SMC_LAUNCHER=jax``).

    In a script, call it before anything touches a device; in function mode it is called before the job's code is
    imported. It does what ``keras.distribution.initialize`` does: ``jax.distributed.initialize``, and one random seed
    for all processes, without which their initial weights would differ. A process that fails also exits at
    once: JAX's own shutdown would wait five minutes for the others, which wait for it.

    Args:
        seed: for Python, NumPy and Keras, the same in all processes; None draws one and shares it.

    Returns:
        Whether the processes are joined; if the launcher has not started the job, it does nothing and returns False.

    Raises:
        RuntimeError: JAX has already used a device.

    """
    address = os.environ.get(ADDRESS_ENV)
    if not address:
        return False
    if not _state["joined"]:
        import jax

        jax.distributed.initialize(
            address,
            int(os.environ[PROCESSES_ENV]),
            int(os.environ[PROCESS_ENV]),
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
        _state["joined"] = True
        atexit.register(_leave_where_this_process_failed)  # runs before whatever was registered earlier, JAX's own too
        if is_installed("keras"):
            _seed(seed)
    return True


def data_parallel(**options: Any) -> Any:
    """Let Keras train one model on all devices of all processes, each on its part of the data.

    It sets ``keras.distribution.DataParallel``; create models after calling it. Each process feeds its own part
    (:func:`own_part`), and a batch of the job is the batches of all processes together.

    Args:
        **options: arguments of ``DataParallel``; ``auto_shard_dataset`` defaults to False, since Keras can only divide
            a ``tf.data.Dataset``.

    Returns:
        The distribution.

    """
    keras = import_keras()
    distribution = keras.distribution.DataParallel(**{"auto_shard_dataset": False, **options})
    keras.distribution.set_distribution(distribution)
    return distribution


def own_part(environment: Environment, *arrays: Any, multiple_of: int = 1) -> Any:
    """This process's part of the data: every n-th element, the same number for each process.

    A process with one batch more than the others would wait for them forever, so a remainder that is not enough for all
    processes is left out.

    Args:
        environment: the Environment of the job.
        *arrays: NumPy arrays, or anything that slices like one, all of the same length.
        multiple_of: the length of the part is a multiple of it: the batch size, if a smaller last batch could not be
            divided among the devices of this process.

    Returns:
        The part of the array; for several arrays, a tuple of parts.

    Raises:
        ValueError: no element is left for a process, or the arrays differ in length.

    """
    count, number = getattr(environment, "process_count", 1), getattr(environment, "process_id", 0)
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"own_part wants arrays of one length, and not of {sorted(lengths)}")
    length = lengths.pop() // count // multiple_of * multiple_of
    if length == 0:
        raise ValueError(f"{len(arrays[0])} elements are too few for {count} processes in parts of {multiple_of}")
    parts = tuple(array[number : length * count : count] for array in arrays)
    return parts if len(parts) > 1 else parts[0]


def gather(model: Any) -> Any:
    """Turn a model that several processes have trained together into a local one; every process has to call it.

    Afterwards any process can save, export or evaluate it, or predict with it, alone. Before, each of these would wait
    for all other processes to do the same, and ``predict`` does not work at all (Keras 3.15, JAX 0.10). The
    distribution that was set is removed. In function mode this is done to the model that ``train`` returns.

    Args:
        model: a ``keras.Model``; one that is already whole in this process, or not on JAX, is left as it is.

    Returns:
        ``model``.

    """
    import keras

    if keras.config.backend() != "jax":
        return model
    shared = [variable for variable in _variables(model) if not variable.value.is_fully_addressable]
    if shared:
        import numpy

        for variable in shared:
            value = numpy.asarray(_whole(variable.value))
            variable._layout = None
            variable.assign(value)
        for compiled in ("train_function", "test_function", "predict_function"):
            setattr(model, compiled, None)  # compiled for all devices: Keras compiles them again for its own
        keras.distribution.set_distribution(None)
    return model


def _variables(model: Any) -> list[Any]:
    """All variables of a model, each once: weights, seeds, and those of its optimizer and metrics."""
    optimizer = getattr(model, "optimizer", None)
    found = [*model.variables, *model.metrics_variables, *(optimizer.variables if optimizer else ())]
    return list({id(variable): variable for variable in found}.values())


def _whole(value: Any) -> Any:
    """An array that is distributed over several processes, gathered in each of them."""
    if value.is_fully_replicated:
        return value
    import jax

    everywhere = jax.sharding.NamedSharding(value.sharding.mesh, jax.sharding.PartitionSpec())
    return jax.jit(lambda same: same, out_shardings=everywhere)(value)


def part() -> None:
    """Undo :func:`initialize_distribution` after a success: wait for the others, and disconnect."""
    if _state["joined"]:
        import jax

        jax.distributed.shutdown()
        _state["joined"] = False


def _leave_where_this_process_failed() -> None:
    """Exit at once if this process has reported a failure: a regular exit would wait for the others.

    Whatever ends the job's code with an exit code other than 0 has been reported before: an exception in a function or
    script, and ``sys.exit``.
    """
    from smc_core.kit import first_report  # imported here: a job that never joins others should not wait for it

    failed = first_report(pid=os.getpid())
    if not _state["joined"] or failed is None:
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(failed.exit_code)


def _seed(seed: int | None) -> None:
    import keras

    if seed is None:
        import numpy
        from jax.experimental import multihost_utils

        drawn = numpy.uint32(int.from_bytes(os.urandom(4), "big"))
        seed = int(multihost_utils.broadcast_one_to_all(drawn))
    keras.utils.set_random_seed(seed)
