"""What the processes of a job on several hosts do together, on JAX: meet, train on parts of the data, and part.

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
    """Join the processes of this job, which the launcher ``jax`` has started (``SMC_LAUNCHER=jax``).

    Call it in a script before anything touches a device; in function mode it is done before the job's code is
    imported. It is ``keras.distribution.initialize`` (``jax.distributed.initialize`` and one random seed for all
    processes, without which each would begin with weights of its own), but that a process that fails leaves at
    once: JAX's own end waits five minutes for the others, which wait for it.

    Args:
        seed: for Python, NumPy and Keras, the same on all processes; None has one drawn, and shared.

    Returns:
        Whether there is anybody to join: False, and nothing done, in a job that the launcher has not started.

    Raises:
        RuntimeError: JAX has used a device already.

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
        atexit.register(_leave_where_this_process_failed)  # called before what was registered earlier, JAX's own too
        if is_installed("keras"):
            _seed(seed)
    return True


def data_parallel(**options: Any) -> Any:
    """Let Keras train one model on all devices of all processes, each with its part of the data.

    Sets ``keras.distribution.DataParallel``; models are to be made after it. Each process feeds its own part
    (:func:`own_part`), and a batch of the job is that of all processes together.

    Args:
        **options: as ``DataParallel`` takes them; ``auto_shard_dataset`` is False unless given, since Keras can part
            a ``tf.data.Dataset`` only.

    Returns:
        The distribution.

    """
    keras = import_keras()
    distribution = keras.distribution.DataParallel(**{"auto_shard_dataset": False, **options})
    keras.distribution.set_distribution(distribution)
    return distribution


def own_part(environment: Environment, *arrays: Any, multiple_of: int = 1) -> Any:
    """The part of the data that is this process's own: every n-th element, as many on each process.

    A process that had a batch more than the others would wait for them for ever; so the last elements that do not
    suffice for all are left out.

    Args:
        environment: the Environment of the job.
        *arrays: NumPy arrays, or anything that slices like one, all of one length.
        multiple_of: the length of the part is a multiple of it: the batch size, where a smaller last batch could not
            be shared among the devices of this process.

    Returns:
        The part of the array, or a tuple of those of several.

    Raises:
        ValueError: there is nothing left for a process, or the arrays differ in length.

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
    """Make a model that several processes have trained together this process's own; every process calls it.

    Afterwards any of them can save, export, measure it or predict with it alone. Before, each of these would wait for
    all others to do the same, and ``predict`` cannot be done at all (Keras 3.15, JAX 0.10). The distribution that
    was set is left behind with it. In function mode this is done with the model that ``train`` returns.

    Args:
        model: a ``keras.Model``; one that is whole in this process already, or not on JAX, is left as it is.

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
            setattr(model, compiled, None)  # for all devices: Keras compiles them anew for those of this process
        keras.distribution.set_distribution(None)
    return model


def _variables(model: Any) -> list[Any]:
    """All variables of a model, each once: weights, seeds, those of its optimizer and of its metrics."""
    optimizer = getattr(model, "optimizer", None)
    found = [*model.variables, *model.metrics_variables, *(optimizer.variables if optimizer else ())]
    return list({id(variable): variable for variable in found}.values())


def _whole(value: Any) -> Any:
    """An array of several processes, whole on each of them."""
    if value.is_fully_replicated:
        return value
    import jax

    everywhere = jax.sharding.NamedSharding(value.sharding.mesh, jax.sharding.PartitionSpec())
    return jax.jit(lambda same: same, out_shardings=everywhere)(value)


def part() -> None:
    """End what :func:`initialize_distribution` began, after a success: wait for the others, and let them go."""
    if _state["joined"]:
        import jax

        jax.distributed.shutdown()
        _state["joined"] = False


def _leave_where_this_process_failed() -> None:
    """End this process at once where it has reported a failure: what else ends it would wait for the others.

    Whatever ends the job's code with another exit code than 0 is reported before: an exception in a function or a
    script, and ``sys.exit``.
    """
    from smc_core.kit import first_report  # no job that has joined nobody waits for it

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
