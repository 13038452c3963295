"""What smc does for TensorFlow: this plugin's hooks, in the order in which a job calls them.

Nothing here imports TensorFlow before the job's own code does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Generator
from importlib import import_module
from typing import Any

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment as CoreEnvironment
from smc_core.errors import ConfigurationError
from smc_core.hookspecs import TrainResult
from smc_core.kit import Framework, error_in_a_line, is_installed, write_whole
from smc_tensorflow import models
from smc_tensorflow.cluster import Role, find_role
from smc_tensorflow.environment import Environment, place
from smc_tensorflow.tf_config import TF_CONFIG_ENV, WORKER, add_task, read_tf_config, write_tf_config
from smc_tensorflow.tuning import MODEL_DIR

FRAMEWORK = Framework("tensorflow", needed=("launched", "used"))
"""What this plugin adapts: an image's TensorFlow that the job leaves alone may be of any version."""
SEED = "seed"
"""The hyperparameter that seeds Python, NumPy and TensorFlow, with the same number on every host."""
HYPERPARAMETERS = [MODEL_DIR, SEED]
"""What the SageMaker SDK sets by itself, and a job of which this plugin makes its own; and what it reads itself."""
LOG_LEVEL_ENV = "TF_CPP_MIN_LOG_LEVEL"
"""Which lines TensorFlow's C++ code logs: 0 all, 1 none of INFO, 2 none of WARNING, 3 none of ERROR."""
LOG_LEVEL = "1"
SERVERS_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parameter_server.py")

log = logging.getLogger("smc.tensorflow")


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, CoreEnvironment, CoreEnvironment]:
    """Add this host's place in the cluster; in a tuning job, give the job its own ``model_dir``."""
    environment = yield
    return environment.extend(Environment, **place(environment))


@hookimpl
def job_variables() -> dict[str, str] | None:
    """Silence the INFO lines of TensorFlow's C++ code, unless the user has set a level."""
    return {LOG_LEVEL_ENV: LOG_LEVEL} if is_installed("tensorflow") else None


@hookimpl
def launch(environment: CoreEnvironment, command: Command) -> Command | None:
    """Give the job its cluster, if it asks for one."""
    role = find_role(environment, command.environ)
    if role.strategy == "mwms":
        return _mirrored(role, command)
    if role.strategy == "parameter-server":
        return _parameter_servers(role, environment, command)
    return None


def _mirrored(role: Role, command: Command) -> Command:
    """One process per host, as without a launcher: TensorFlow itself starts the servers in it."""
    return command.with_variables(_config(role, command), "mwms")


def _parameter_servers(role: Role, environment: CoreEnvironment, command: Command) -> Command:
    """This host's servers and, on the host of the chief, the user's command."""
    if not is_installed("tensorflow"):
        raise ConfigurationError("the launcher parameter-server needs TensorFlow, which is not installed")
    tasks = role.servers(environment.current_host)
    serve = [argument for task in tasks for argument in ("--serve", f"{task.type}:{task.number}")]
    program = [sys.executable, SERVERS_PROGRAM, "--host", environment.current_host, *serve]
    variables = {"GRPC_FAIL_FAST": "use_caller"}  # as in TensorFlow's guide: wait for servers that are slow to start
    if environment.gpu_count:
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # chief and worker share a GPU; one would take all of it
    given = {name: text for name, text in variables.items() if name not in command.environ}
    launched = command.as_python_under(
        [*program, "--", command.argv[0]], "parameter-server", {**_config(role, command), **given}
    )
    return launched if environment.is_master else launched._replace(argv=tuple(program), serves=True)


def _config(role: Role, command: Command) -> dict[str, str]:
    """``TF_CONFIG``, unless the user has set it; to one that only has a cluster, the task is added."""
    text = command.environ.get(TF_CONFIG_ENV, "")
    if role.task is None:
        return {}
    if not text.strip():
        return {TF_CONFIG_ENV: write_tf_config(role.cluster, role.task)}
    return {} if read_tf_config(text)[1] else {TF_CONFIG_ENV: add_task(text, role.task)}


@hookimpl(wrapper=True)
def train(environment: CoreEnvironment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Seed a job that has imported TensorFlow, if the hyperparameter ``seed`` is given.

    After training with TensorFlow, warn if nothing that can be served was saved or returned.
    """
    if SEED in environment and _is_tensorflows():
        _seed(environment[SEED].to_int())
    result = yield
    if result is not None and result.model is None and environment.is_primary and _is_tensorflows():
        reason = models.not_servable(environment.model_dir)
        if reason:
            log.warning("%s", reason)
    return result


def _seed(number: int) -> None:
    if not 0 <= number < 2**32:
        raise ConfigurationError(f"hyperparameter {SEED!r} is {number}, not between 0 and 4294967295")
    import random

    random.seed(number)
    import_module("numpy").random.seed(number)
    sys.modules["tensorflow"].random.set_seed(number)


def _is_tensorflows() -> bool:
    """Whether this process trains with TensorFlow; PyTorch and JAX jobs may import it for its data sets and logs."""
    return "tensorflow" in sys.modules and "torch" not in sys.modules and not _computes_with_jax()


def _computes_with_jax() -> bool:
    """Whether JAX has used a device: TensorFlow itself imports an installed JAX, but does not use one."""
    if "jax" not in sys.modules:
        return False
    has_begun = getattr(sys.modules.get("jax._src.xla_bridge"), "backends_are_initialized", None)
    return bool(has_begun()) if callable(has_begun) else True


@hookimpl
def save_model(environment: CoreEnvironment, model: Any) -> str | None:
    """Save what TensorFlow can save, such as a ``tf.Module`` or a Keras model, as the SavedModel ``1``."""
    if not models.is_known(model):
        return None
    path = os.path.join(environment.model_dir, models.VERSION)
    if environment.is_primary:
        return _save(model, path)
    if _saves_with_the_others(environment):
        import tempfile

        with tempfile.TemporaryDirectory(prefix="smc-tensorflow-") as folder, contextlib.suppress(Exception):
            models.write(model, os.path.join(folder, models.VERSION))  # the primary reports what fails here
    return path


def _save(model: Any, path: str) -> str:
    """Write the SavedModel, or what can be kept of the model, and log what is missing."""
    kind = type(model).__qualname__
    try:
        write_whole(path, lambda written: models.write(model, written))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - TensorFlow calls the user's own functions
        try:
            write_whole(path, lambda written: models.write(model, written, with_signatures=False))
        except Exception:  # noqa: BLE001 - the first error is the more useful one
            kept = models.write_instead(model, os.path.dirname(path))
            log.warning(
                "%s cannot be a SavedModel, which TensorFlow Serving loads, and is kept as %s: %s",
                *(kind, os.path.basename(kept), error_in_a_line(error)),
            )
            return kept
        log.warning("the signature of %s cannot be saved: %s", kind, error_in_a_line(error))
    if not models.signatures(path):
        log.warning(
            "the SavedModel has no signature, so TensorFlow Serving cannot call it; give the method of %s that "
            "predicts, and no other, a @tf.function(input_signature=[tf.TensorSpec(...)]), and let it return a "
            "tensor or a dict of tensors",
            kind,
        )
    return path


def _saves_with_the_others(environment: CoreEnvironment) -> bool:
    """Whether a save needs all hosts: reading a mirrored variable may be a collective operation."""
    cluster = getattr(environment, "cluster", {})
    return "ps" not in cluster and len(cluster.get(WORKER, [])) > 1
