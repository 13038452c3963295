"""What smc does for PyTorch: the hooks that this plugin answers, in the order in which a job calls them.

Nothing here imports PyTorch before the job's own code has, or torchrun has started several processes.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import replace
from types import ModuleType
from typing import Any

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.compatibility import check_framework, is_installed
from smc_core.environment import Environment as CoreEnvironment
from smc_core.hookspecs import TrainResult
from smc_pytorch import advice, models, states
from smc_pytorch.environment import Environment, place
from smc_pytorch.group import TIMEOUT, Group
from smc_pytorch.launch import advise, torchrun_command
from smc_pytorch.network import network_variables
from smc_pytorch.processes import BACKEND

SETTINGS = [BACKEND, TIMEOUT]
"""What is set by variables: ``smc why`` and the docs read it."""

_group: Group | None = None
"""The group of this process, from the hook train to the hook save_model, which may need it."""


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, CoreEnvironment, CoreEnvironment]:
    """Add the place of this process among those that train."""
    environment = yield
    return environment.extend(Environment, **place(environment))


@hookimpl
def launch(environment: CoreEnvironment, command: Command) -> Command | None:
    """Put torchrun around the command, where the job asks for it."""
    return torchrun_command(environment, command)


@hookimpl(wrapper=True, specname="launch")
def prepare_hosts(environment: CoreEnvironment, command: Command) -> Generator[None, list[Command], list[Command]]:
    """Check the PyTorch that the job will find, and tell NCCL and Gloo what they have to know, whoever launches."""
    check_framework("smc-pytorch", "pytorch")
    commands = yield
    if not is_installed("torch"):
        return commands
    advice.warn_of_little_shared_memory()
    advise(environment, commands[0] if commands else command)
    found = network_variables(environment, command.environ)
    if not found:
        return commands
    return [replace(each, environ={**each.environ, **found}) for each in commands or [command]]


@hookimpl(wrapper=True)
def train(environment: CoreEnvironment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Set the process group up, and explain what goes wrong in it."""
    global _group
    if not is_installed("torch"):
        return (yield)
    _group = Group()
    _group.set_up()
    try:
        result = yield
    except BaseException as error:
        if "torch" in sys.modules:
            _group.failed(error, _batch_size(environment))
        raise
    if result is None or result.model is None:
        _group.tear_down()
    return result


@hookimpl
def save_model(environment: CoreEnvironment, module: ModuleType, model: Any) -> str | None:
    """Save a PyTorch module, or a state dict; a Keras model, a module too on PyTorch, is left to Keras's plugin."""
    torch = sys.modules.get("torch")  # a process that never imported PyTorch has no such model
    keras = sys.modules.get("keras")
    if torch is None or isinstance(model, getattr(keras, "Model", ())):
        return None
    if isinstance(model, torch.nn.Module):
        return models.save(model, module, environment.model_dir, writes=environment.is_primary)
    if states.is_state_dict(model):
        return models.save_state(model, environment.model_dir, writes=environment.is_primary)
    return None


@hookimpl(wrapper=True, specname="save_model")
def leave_group() -> Generator[None, str | None, str | None]:
    """Tear the process group down when the model is saved: a save of a model in parts needs all processes."""
    try:
        path = yield
    except BaseException as error:
        if _group is not None and "torch" in sys.modules:
            _group.failed(error)
        raise
    if _group is not None:
        _group.tear_down()
    return path


def _batch_size(environment: CoreEnvironment) -> Any:
    return next((environment.hps[name] for name in ("batch-size", "batch_size") if name in environment.hps), None)
