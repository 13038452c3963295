"""The core's own answers to the hooks: asked last, except that the user's own ``save`` is asked first."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.hookspecs import TrainResult, hookimpl

SAVED_MODEL = "saved_model"
"""Name in the model folder that ``model.save`` is called with."""


@hookimpl(trylast=True)
def create_environment(base_dir: str) -> Environment:
    """Read the contract's files."""
    return Environment.create(base_dir=base_dir)


@hookimpl(trylast=True)
def load_user_module(environment: Environment) -> ModuleType:
    """Import the entry point from the code directory."""
    if environment.user_entry_point is None:
        raise ConfigurationError("no entry point: set the hyperparameter sagemaker_program")
    from smc_core.modules import import_module

    return import_module(environment.user_entry_point, environment.code_dir)


@hookimpl(trylast=True)
def train(environment: Environment, module: ModuleType) -> TrainResult:
    """Call the module's ``train`` with the arguments it asks for."""
    function = getattr(module, "train", None)
    if not callable(function):
        raise ConfigurationError(
            f"{module.__name__} {_instead(function)}; define a function train(), or set SMC_MODE=script to run it "
            "as a program"
        )
    import inspect

    from smc_core.functions import call

    model = call(function, environment)
    if inspect.isgenerator(model) or inspect.isasyncgen(model):
        raise ConfigurationError(
            f"{module.__name__}.train() is a generator, so calling it runs none of its code: remove the yield, "
            "or move it into a function that train() calls"
        )
    return TrainResult(model)


def _instead(found: object) -> str:
    return "has no function train()" if found is None else f"has a {type(found).__name__} called train, not a function"


@hookimpl(trylast=True)
def save_model(environment: Environment, model: Any) -> str | None:
    """Call ``model.save(model_dir/saved_model)`` if the model has such a method."""
    save = getattr(model, "save", None)
    if not callable(save) or isinstance(model, type):
        return None
    path = os.path.join(environment.model_dir, SAVED_MODEL)
    if environment.is_primary:
        save(path)
    return path


@hookimpl(trylast=True)
def keep_model(model: Any, path: str) -> str:
    """Pickle the model, or those parts of it that can be pickled."""
    from smc_core.artifacts import keep_pickled

    return keep_pickled(model, f"{path}.pkl")


class UserSave:
    """The user's own ``save(model, model_dir)``, which takes precedence over all plugins."""

    @hookimpl(tryfirst=True)
    def save_model(self, environment: Environment, module: ModuleType, model: Any) -> str | None:
        """Call the module's ``save`` if there is one."""
        save = getattr(module, "save", None)
        if not callable(save):
            return None
        if environment.is_primary:
            from smc_core.coroutines import finished

            finished(save(model, environment.model_dir))
        return environment.model_dir
