"""The seven hooks that a plugin can answer, in the order in which a job calls them.

A plugin is a module, or an object, whose functions bear ``@hookimpl`` and these names, published through the
entry-point group ``smc.plugins``::

    # pyproject.toml
    [project.entry-points."smc.plugins"]
    keras = "smc_keras.plugin"

    # smc_keras/plugin.py
    from smc_core import hookimpl

    @hookimpl
    def save_model(environment, module, model): ...

A function may take fewer arguments than its hook has. A hook is *first result* where said so: plugins are asked in
the order of their names until one returns something other than None; the core's own answer comes last. A plugin
that wants to work around the others takes ``@hookimpl(wrapper=True)`` and yields once; what the ``yield`` gives is
the result of the others, and what the function returns is the result in its place.

A plugin's module must not import its framework on the top level: a job that does not need it should not wait for
it. Import inside the hook.
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
    """What ``train`` returns: the model to save, or None if the user's code has saved it."""

    model: Any = None


@hookspec(firstresult=True)
def create_environment(base_dir: str) -> Environment | None:
    """Create the Environment of the job.

    First result. The core's own reads the contract's files; a plugin seldom replaces it, and mostly wraps it to
    add fields: ``return (yield).extend(MyEnvironment, world_size=8)``.

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
        Names and texts, at most 128 KiB together. None: this job needs nothing of mine. Two plugins that want different
        values for one variable end the job with a PluginConflictError that names both.

    Raises:
        ConfigurationError: what the user has set cannot work, such as a backend that is not installed.
    """


@hookspec
def launch(environment: Environment, command: Command) -> Command | None:
    """Put a launcher around the command, where the job asks for the one that this plugin has.

    For launchers only: variables that a job's processes need in any case are an answer to ``job_variables``.

    Every plugin is asked. ``SMC_LAUNCHER`` names the launcher that a job wants, or ``none``; without it the
    hyperparameters do, such as ``sagemaker_torch_distributed_enabled`` (``environment.param(name)``). Hosts that
    do not take part (``environment.distribution_hosts``) run the command as it is.

    The hosts of a job that has a launcher stand and fall together: the core lets them meet before the command starts,
    stops them all when one fails or is lost, and each reports the root cause (``process/hosts/agent.py``). A host that
    only serves the others, and exits when the master does, says so: ``command._replace(serves=True)``.

    Runs in:
        prepare, once a host.

    Args:
        environment: the Environment of the job.
        command: what would run without a launcher, on this host.

    Returns:
        The command with its launcher: ``command.under``, ``command.as_python_under`` or ``command.with_variables``.
        None: this job does not ask for mine. Two answers end the job with a PluginConflictError that names both
        plugins.

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

    First result. The core's own calls the module's ``train`` with the arguments that it asks for by name; plugins
    mostly wrap it, to set their framework up before and to tear it down after.

    Runs in:
        worker, every rank.

    Args:
        environment: the Environment of the job.
        module: the user's module.

    Returns:
        The model in a TrainResult; ``TrainResult(None)`` where the user's code saved by itself. None: not mine, ask
        the next plugin.

    Raises:
        ConfigurationError: the user's ``train`` wants a parameter that nothing provides.
        Exception: whatever the user's ``train`` raises.
    """


@hookspec(firstresult=True)
def save_model(environment: Environment, module: ModuleType, model: Any) -> str | None:
    """Write the model to ``environment.model_dir``.

    First result. Called only with a model that is not None. The core's own calls the module's
    ``save(model, model_dir)`` where there is one, and else ``model.save(...)`` where the model has it. A save of
    a model in parts needs every process, so every rank is asked; ``environment.is_primary`` says who writes.

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
        PluginError: it is of my kind, and my format cannot hold it; say what the user can change.
    """


@hookspec(firstresult=True)
def keep_model(environment: Environment, model: Any, path: str) -> str | None:
    """Keep what could not be saved, before the job fails: a training that is finished is not lost.

    First result. Called where no plugin can save what ``train`` returned, and where a save has failed. The core's own
    pickles it, or what can be pickled of it.

    Runs in:
        worker, the primary one.

    Args:
        environment: the Environment of the job.
        model: what the user's ``train`` returned.
        path: where to write it, below ``environment.output_data_dir`` and without a suffix; add that of the format.

    Returns:
        Path of what was written. None: not my kind of value, ask the next plugin.

    Raises:
        Exception: it cannot be kept; the job fails for its first reason, and this one is reported beside it.
    """
