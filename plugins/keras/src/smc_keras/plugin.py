"""What smc does for Keras: this plugin's hooks, in the order in which a job calls them.

Nothing here imports Keras before the job's own code does, or asks for it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator, Mapping
from types import ModuleType
from typing import Any

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.contract import LAUNCHER_ENV
from smc_core.environment import Environment as CoreEnvironment
from smc_core.environment import Source
from smc_core.errors import ConfigurationError
from smc_core.hookspecs import TrainResult
from smc_core.kit import export_note
from smc_core.setting import Flag
from smc_keras import distribution, models, multihost
from smc_keras.backend import BACKEND_ENV, KERAS, check_backend, choose_backend
from smc_keras.environment import Environment

FRAMEWORK = KERAS
EXPORT = Flag("SMC_KERAS_EXPORT", "whether to export for serving beside `model.keras`", default=True, group="keras")
SETTINGS = [distribution.DISTRIBUTION, EXPORT]
"""What is set by variables: ``smc why`` and the docs read it."""
SEED = "seed"
"""The hyperparameter that seeds Python, NumPy and the backend."""
HYPERPARAMETERS = [SEED]
"""What this plugin reads itself: it is not ignored where ``train`` does not take it."""

log = logging.getLogger("smc.keras")


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, CoreEnvironment, CoreEnvironment]:
    """Add the backend, and the place of this process among those that train."""
    environment = yield
    named = os.environ.get(BACKEND_ENV)
    source = Source("variable", BACKEND_ENV) if named else Source("rule", "what is installed")
    hosts = distribution.processes(environment, os.environ)
    launcher = Source("variable", LAUNCHER_ENV) if hosts else Source("default")
    return environment.extend(
        Environment,
        backend=choose_backend(),
        process_count=max(len(hosts), 1),
        process_id=hosts.index(environment.current_host) if hosts else 0,
        sources={**environment.sources, "backend": source, "process_count": launcher, "process_id": launcher},
    )


@hookimpl
def job_variables(environ: Mapping[str, str]) -> dict[str, str] | None:
    """Check what the job asks of Keras, and set the backend: the job's requirements are installed by now."""
    check_backend(environ)
    backend = environ.get(BACKEND_ENV) or choose_backend()
    distribution.check(environ, backend)
    return None if backend is None else {BACKEND_ENV: backend}


@hookimpl
def launch(environment: CoreEnvironment, command: Command) -> Command | None:
    """If ``SMC_LAUNCHER=jax`` is set on several hosts, pass each process the addresses of the others."""
    return distribution.launched(environment, command)


@hookimpl(wrapper=True)
def load_user_module(environment: CoreEnvironment) -> Generator[None, ModuleType | None, ModuleType | None]:
    """Join the other processes, and set the distribution, before the job's code can touch a device."""
    asked = distribution.DISTRIBUTION.of(os.environ)
    seed = _seed(environment) if os.environ.get(distribution.ADDRESS_ENV) else None
    if multihost.initialize_distribution(seed) and not asked:
        log.info("%s is not set: Keras itself trains on each host apart", distribution.DISTRIBUTION.name)
    if asked:
        multihost.data_parallel()
    return (yield)


@hookimpl(wrapper=True)
def train(environment: CoreEnvironment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Seed a job that has imported Keras, if the hyperparameter ``seed`` is given; then disconnect the processes."""
    keras = sys.modules.get("keras")
    seed = None if keras is None else _seed(environment)
    if keras is not None and seed is not None:
        keras.utils.set_random_seed(seed)
    result = yield
    if result is not None:
        trained = models.without_histories(result.model)
        if models.models_in(trained) != models.models_in(result.model):
            log.info("train() returned the History of fit(), which has the model: that is saved")
            result = result._replace(model=trained)
        for model in models.models_in(trained):
            multihost.gather(model)
    multihost.part()
    return result


def _seed(environment: CoreEnvironment) -> int | None:
    """The hyperparameter ``seed``; None if there is none.

    Raises:
        ConfigurationError: it is not a valid seed.

    """
    if SEED not in environment:
        return None
    seed = environment[SEED].to_int()
    if not 0 <= seed < 2**32:
        raise ConfigurationError(f"hyperparameter {SEED!r} is {seed}, not between 0 and 4294967295")
    return seed


@hookimpl
def save_model(environment: CoreEnvironment, module: ModuleType, model: Any) -> str | None:
    """Save a Keras model as ``model.keras``, and export it for serving if the backend can."""
    if not models.is_keras_model(model):
        return None
    if not environment.is_primary:
        return os.path.join(environment.model_dir, models.MODEL_FILE)
    path = models.save(model, environment.model_dir)
    if EXPORT.of(os.environ):
        try:
            exported = models.export(model, environment.model_dir)
            name = os.path.basename(exported)  # while it is saved, model_dir is a temporary folder
            log.info("exported for serving: %s", f"{name}/" if os.path.isdir(exported) else name)
        except Exception as error:  # noqa: BLE001 - whatever stops the exporter, the model itself is saved
            log.info(export_note(error))
    return path
