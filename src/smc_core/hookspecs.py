"""The seven hooks that a plugin can implement, in the order in which a job calls them.

A plugin is a module, or an object, that has functions with these names and the decorator ``@hookimpl``. It is published
through the entry-point group ``smc.plugins``::

    # pyproject.toml
    [project.entry-points."smc.plugins"]
    keras = "smc_keras.plugin"

    # smc_keras/plugin.py
    from smc_core import hookimpl

    @hookimpl
    def save_model(environment, module, model): ...

A function may take fewer arguments than its hook has. If its docstring says *first result*, plugins
are asked in the order of their names until one returns something other than None; the core's own answer comes last. To
wrap the others, use ``@hookimpl(wrapper=True)`` and yield once: the ``yield`` gives the result of the others, and the
function returns the result that replaces it.

A plugin's module must not import its framework at the top level, because a job that does not need it should not wait
for it. Import it inside the hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from smc_core.command import Command

if TYPE_CHECKING:
    from smc_core.environment import Environment

PROJECT_NAME = "smc"
"""The project name that pluggy's markers share."""

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)
"""Marks a function of a plugin as its answer to the hook of the same name."""


class TrainResult(NamedTuple):
    """The return value of ``train``: the model to save, or None if the user's code has saved it."""

    model: Any = None


@hookspec(firstresult=True)
def create_environment(base_dir: str) -> Environment | None:
    """Create the Environment of the job.

    First result. The core's own reads the contract's files. A plugin rarely replaces it; most wrap it to add fields:
    ``return (yield).extend(MyEnvironment, world_size=8)``.

    Runs in:
        prepare, and every worker.

    Args:
        base_dir: base directory of the job, absolute, such as ``/opt/ml``.

    Returns:
        The Environment, or one of a subclass. None: ask the next plugin.

    Raises:
        ConfigurationError: a file of the contract, a variable or a hyperparameter is malformed.
    """


@hookspec
def job_variables(environment: Environment, environ: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the variables that the job's processes need, such as ``NCCL_SOCKET_IFNAME`` or ``KERAS_BACKEND``.

    Every plugin is asked, whether the job has a launcher or not, and all answers are merged. What the user has set
    wins: a variable of the container is replaced only if it is empty. ``smc plan`` and ``smc why NAME`` show which
    plugin a variable comes from.

    Runs in:
        prepare, once a host, after the job's requirements are installed.

    Args:
        environment: the Environment of the job.
        environ: the variables that the job has so far; they cannot be changed here.

    Returns:
        Names and texts, at most 128 KiB together. None: this job needs none of mine. If two plugins want different
        values for one variable, the job fails with a PluginConflictError that names both.

    Raises:
        ConfigurationError: what the user has set cannot work, such as a backend that is not installed.
    """


@hookspec
def launch(environment: Environment, command: Command) -> Command | None:
    """Start the command with a launcher, if the job asks for this plugin's.

    For launchers only: variables that a job's processes need in any case are an answer to ``job_variables``.

    Every plugin is asked. ``SMC_LAUNCHER`` names the launcher that a job wants, or ``none``; without it the
    hyperparameters do, such as ``sagemaker_torch_distributed_enabled`` (``environment.param(name)``). Hosts that
    do not take part (``environment.distribution_hosts``) run the command as it is.

    The hosts of a job with a launcher succeed or fail together: the core starts the command after a rendezvous, stops
    all hosts when one fails or is lost, and each reports the root cause (``process/hosts/agent.py``). For a host that
    only serves the others, and exits when the master does, return ``command._replace(serves=True)``.

    Runs in:
        prepare, once a host.

    Args:
        environment: the Environment of the job.
        command: what would run without a launcher, on this host.

    Returns:
        The command with its launcher: ``command.under``, ``command.as_python_under`` or ``command.with_variables``.
        None: this job does not ask for mine. If two plugins answer, the job fails with a PluginConflictError that names
        both.

    Raises:
        ConfigurationError: the launcher's settings are wrong.
    """


@hookspec(firstresult=True)
def load_user_module(environment: Environment) -> ModuleType | None:
    """Import the user's module.

    First result. The core's own imports ``environment.module_name`` from the code directory.

    Runs in:
        worker, every rank (function mode only; in script mode the user's file is the main program).

    Args:
        environment: the Environment of the job.

    Returns:
        The module. None: ask the next plugin.

    Raises:
        Exception: whatever the user's module raises while it is imported.
    """


@hookspec(firstresult=True)
def train(environment: Environment, module: ModuleType) -> TrainResult | None:
    """Train.

    First result. The core's own calls the module's ``train`` with the arguments that it asks for by name. Most plugins
    wrap it, to set their framework up before and tear it down after.

    Runs in:
        worker, every rank.

    Args:
        environment: the Environment of the job.
        module: the user's module.

    Returns:
        The model in a TrainResult; ``TrainResult(None)`` if the user's code has saved it itself. None: not mine,
        ask the next plugin.

    Raises:
        ConfigurationError: the user's ``train`` wants a parameter that nothing provides.
        Exception: whatever the user's ``train`` raises.
    """


@hookspec(firstresult=True)
def save_model(environment: Environment, module: ModuleType, model: Any) -> str | None:
    """Write the model to ``environment.model_dir``.

    First result. Called only with a model that is not None. The core's own calls the module's
    ``save(model, model_dir)`` if there is one, or else ``model.save(...)`` if the model has it. Saving a sharded
    model needs every process, so every rank is asked; ``environment.is_primary`` says which one writes.

    Runs in:
        worker, every rank.

    Args:
        environment: the Environment of the job.
        module: the user's module.
        model: what the user's ``train`` returned.

    Returns:
        Path of what was written (by the primary). None: not my kind of model, ask the next plugin; answer only for
        models that you know.

    Raises:
        OSError: the model cannot be written.
        PluginError: it is of my kind, but my format cannot store it; say what the user can change.
    """


@hookspec(firstresult=True)
def keep_model(environment: Environment, model: Any, path: str) -> str | None:
    """Keep what could not be saved, before the job fails, so that a finished training is not lost.

    First result. Called if no plugin can save what ``train`` returned, and if saving it has failed. The core's own
    pickles it, or the parts of it that can be pickled.

    Runs in:
        worker, the primary one.

    Args:
        environment: the Environment of the job.
        model: what the user's ``train`` returned.
        path: where to write it, below ``environment.output_data_dir`` and without a suffix; add that of the format.

    Returns:
        Path of what was written. None: not my kind of value, ask the next plugin.

    Raises:
        Exception: it cannot be kept; the job fails for its first reason, and this one is reported with it.
    """
