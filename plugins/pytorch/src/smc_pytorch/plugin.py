"""What smc does for PyTorch: this plugin's hooks, in the order in which a job calls them.

Nothing here imports PyTorch before the job's own code does, or torchrun has started several processes.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections.abc import Generator, Mapping
from types import ModuleType
from typing import Any

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment as CoreEnvironment
from smc_core.errors import UserCodeError
from smc_core.hookspecs import TrainResult
from smc_core.kit import Framework, is_installed
from smc_pytorch import advice, formats, keeping, models, states
from smc_pytorch.environment import Environment, place
from smc_pytorch.group import TIMEOUT, Group, is_of_a_collective
from smc_pytorch.launch import advise, torchrun_command
from smc_pytorch.network import network_variables
from smc_pytorch.processes import BACKEND
from smc_pytorch.seeds import SEED, seed

FRAMEWORK = Framework("torch", needed=("always",))
"""What this plugin adapts: no job runs beside a PyTorch that it does not work with."""
SETTINGS = [BACKEND, TIMEOUT]
"""What is set by variables: ``smc why`` and the docs read it."""
HYPERPARAMETERS = [SEED]
"""What this plugin reads itself: it is not ignored where ``train`` does not take it."""

_group: Group | None = None
"""The group of this process, from the hook train to the hook save_model, which may need it."""


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, CoreEnvironment, CoreEnvironment]:
    """Add the place of this process among those that train."""
    environment = yield
    return environment.extend(Environment, **place(environment))


@hookimpl
def launch(environment: CoreEnvironment, command: Command) -> Command | None:
    """Start the command with torchrun, if the job asks for it."""
    return torchrun_command(environment, command)


@hookimpl
def job_variables(environment: CoreEnvironment, environ: Mapping[str, str]) -> dict[str, str] | None:
    """Set the variables of NCCL and Gloo for several hosts, whatever the launcher."""
    return network_variables(environment, environ) if is_installed("torch") else None


@hookimpl(wrapper=True, specname="launch")
def give_advice(environment: CoreEnvironment, command: Command) -> Generator[None, list[Command], list[Command]]:
    """Log advice on what would make the job faster, or possible at all."""
    commands = yield
    if is_installed("torch"):
        advice.warn_of_little_shared_memory()
        advise(environment, commands[0] if commands else command)
    return commands


@hookimpl(wrapper=True)
def train(environment: CoreEnvironment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Seed PyTorch if the job has a seed, set the process group up, and explain its errors.

    The process leaves the group only when it exits: saving a sharded model needs all processes.
    """
    global _group
    if not is_installed("torch"):
        return (yield)
    seed(environment)
    _group = Group()
    _group.set_up()
    atexit.register(_group.tear_down)
    try:
        result = yield
    except BaseException as error:
        if "torch" in sys.modules:
            _group.failed(error, batch_size=_batch_size(environment))
        raise
    _group.returned(None if result is None else result.model)
    return result


@hookimpl
def save_model(environment: CoreEnvironment, module: ModuleType, model: Any) -> str | None:
    """Save a module, program or state dict; a Keras model, which is a module on PyTorch, is left to Keras's plugin."""
    torch = sys.modules.get("torch")  # a process that never imported PyTorch cannot have such a model
    keras = sys.modules.get("keras")
    if torch is None or isinstance(model, getattr(keras, "Model", ())):
        return None
    if isinstance(model, torch.nn.Module):
        return models.save(model, module, environment.model_dir, writes=environment.is_primary)
    if formats.is_program(model):
        return formats.save_program(model, environment.model_dir, writes=environment.is_primary)
    if states.is_state_dict(model):
        return models.save_state(model, environment.model_dir, writes=environment.is_primary)
    return None


@hookimpl(wrapper=True, specname="save_model")
def explain_save(model: Any) -> Generator[None, str | None, str | None]:
    """Check that all processes have their parts of what they save together, and explain errors."""
    if _group is None or "torch" not in sys.modules:
        return (yield)
    try:
        _group.check_parts(model)
        return (yield)
    except BaseException as error:
        of_a_collective = isinstance(error, Exception) and is_of_a_collective(error)
        _group.failed(error, phase="save")
        if of_a_collective:  # the fault is that of the processes that did not take part
            raise UserCodeError(str(error)) from error
        raise


@hookimpl
def keep_model(model: Any, path: str) -> str | None:
    """Keep a value that contains tensors, by ``torch.save``."""
    return keeping.keep(model, path) if "torch" in sys.modules else None


@hookimpl(wrapper=True, specname="keep_model")
def take_time() -> Generator[None, str | None, str | None]:
    """Give a process that has failed the time to keep the model."""
    with contextlib.nullcontext() if _group is None else _group.unhurried():
        return (yield)


def _batch_size(environment: CoreEnvironment) -> Any:
    return next((environment.hps[name] for name in ("batch-size", "batch_size") if name in environment.hps), None)
