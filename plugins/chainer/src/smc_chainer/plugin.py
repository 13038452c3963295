"""What smc does for Chainer: this plugin's hooks, in the order in which a job calls them.

Nothing here imports Chainer before the job's own code does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from importlib import import_module
from typing import Any

from smc_chainer import environment as chainer_environment
from smc_chainer import models
from smc_chainer.framework import CHAINER
from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.hookspecs import TrainResult

FRAMEWORK = CHAINER
SEED = "seed"
"""The hyperparameter that seeds Python and NumPy, from which Chainer draws the first weights."""
HYPERPARAMETERS = [SEED]
"""What this plugin reads itself: it is not ignored where ``train`` does not take it."""


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, Environment, Environment]:
    """Add the settings for ChainerMN."""
    return chainer_environment.extend((yield))


@hookimpl(wrapper=True)
def launch(environment: Environment) -> Generator[None, list[Command], list[Command]]:
    """Check that MPI is started if the job asks for it."""
    commands = yield
    if getattr(environment, "use_mpi", False) and not commands:
        raise ConfigurationError(
            f"hyperparameter {chainer_environment.USE_MPI_PARAM!r} asks for MPI, which smc-chainer does not start, "
            "and no other plugin has; install one that does, and switch its launcher on"
        )
    return commands


@hookimpl(wrapper=True)
def train(environment: Environment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Seed a job that has imported Chainer, if it has the hyperparameter ``seed``."""
    if SEED in environment and "chainer" in sys.modules:
        seed = environment[SEED].to_int()
        if not 0 <= seed < 2**32:
            raise ConfigurationError(f"hyperparameter {SEED!r} is {seed}, not between 0 and 4294967295")
        import random

        random.seed(seed)
        import_module("numpy").random.seed(seed)
        os.environ.setdefault("CHAINER_SEED", str(seed))  # of CuPy's generators, on a GPU
    return (yield)


@hookimpl
def save_model(environment: Environment, model: Any) -> str | None:
    """Save a ``chainer.Link``, which every Chainer network is, as ``model.npz``."""
    chainer = sys.modules.get("chainer")  # a process that never imported Chainer cannot have a Chainer model
    if not isinstance(model, getattr(chainer, "Link", ())):
        return None
    if not environment.is_primary:
        return os.path.join(environment.model_dir, models.MODEL_FILE)
    return models.save(model, environment.model_dir)
