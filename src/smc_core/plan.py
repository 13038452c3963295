"""From the Environment to the Command: plans what a job runs, without running anything.

The prepare process executes the plan; ``smc plan`` prints it.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from smc_core import platforms
from smc_core.arguments import check_arguments, check_size
from smc_core.command import Command, Signals
from smc_core.contract import LAUNCHER_ENV
from smc_core.entry_point import EntryPoint, resolve
from smc_core.environment import Environment
from smc_core.errors import CodeError, ConfigurationError, PluginError
from smc_core.executable import executable_argv
from smc_core.foreign import foreign_input
from smc_core.launching import NO_LAUNCHER, takes_part, who_asks
from smc_core.lookup import passed_over, source_of
from smc_core.masking import mask_urls
from smc_core.plugins import Plugins
from smc_core.provenance import Source
from smc_core.variables import Variable, process_environ

_PROCESS_ROOM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "process")
SCRIPT_RUNNER = os.path.join(_PROCESS_ROOM, "script.py")
WORKER = os.path.join(_PROCESS_ROOM, "worker.py")


class Target(NamedTuple):
    """What a job asks to run.

    Attributes:
        name: the entry point or the framework's function; None if the job names none.
        kind: ``program`` (the user's entry point, a file or a module), ``module`` (the user's entry point, always a
            module), or ``framework`` (a framework's own function or module, which fetches the user's code itself).
    """

    name: str | None
    kind: Literal["program", "module", "framework"] = "program"


class Plan(NamedTuple):
    """What a job runs.

    Attributes:
        environment: the Environment.
        entry_point: the program and its mode.
        command: the command, with its launcher.
        left_out: variables that the kernel cannot pass.
        added: variables of plugins and of the launcher, each with its source.
        warnings: hyperparameters and channels that the code does not take.
    """

    environment: Environment
    entry_point: EntryPoint
    command: Command
    left_out: list[Variable]
    added: Sequence[Variable] = ()
    warnings: Sequence[str] = ()


def find_target(environment: Environment, framework: str | None = None, *, as_module: bool = False) -> Target:
    """What the job asks to run: a framework's function if one is named, else the entry point."""
    framework = framework or environment.framework_module
    if framework:
        return Target(framework, "framework")
    return Target(environment.user_entry_point, "module" if as_module else "program")


def make_plan(
    environment: Environment,
    target: Target,
    plugins: Plugins,
    inherited: Mapping[str, str],
    *,
    may_gain_plugins: bool = False,
) -> Plan:
    """Find the entry point, build its command, and let a plugin put its launcher around it.

    Args:
        environment: the Environment; its ``code_dir`` holds the code.
        target: what is asked for.
        plugins: the job's plugins.
        inherited: the variables that the container was given.
        may_gain_plugins: whether something was installed for the job, which may have plugins that give more.

    Raises:
        ConfigurationError: no entry point, a ``train`` that cannot be called, or a value that no process can be passed.
        CodeError: the entry point is not there.
        PluginConflictError: two plugins launch, or want different values for one variable.
        PluginError: the job requests a launcher that no plugin provides.

    """
    entry = _entry_point(target, environment, inherited)
    warnings = [] if may_gain_plugins else _check_train(entry, target, environment, plugins, inherited)
    environ, left_out = process_environ(environment, inherited)
    argv = _framework_argv(entry) if target.kind == "framework" else _argv(entry, environment)
    cwd = environment.code_dir if os.path.isdir(environment.code_dir) else os.getcwd()
    signals: Signals = "group" if entry.mode == "executable" else "process"
    plugins.check_installed_frameworks()
    added = plugins.job_variables(environment, environ, inherited)
    environ |= {variable.name: variable.text for variable in added}
    command = Command(tuple(argv), environ, cwd, entry.mode, signals=signals)
    launched = plugins.launch(environment, command)
    if entry.mode != "function" or launched.launcher is not None:
        check_size(launched.argv, launched.environ, environment.hp_texts)
    if launched.launcher is None:
        _check_that_none_is_missing(environment, inherited)
    else:
        _check_that_one_fits(inherited)
    return Plan(environment, entry, launched, left_out, [*added, *_of_launcher(command, launched)], warnings)


def _of_launcher(plain: Command, launched: Command) -> list[Variable]:
    """The variables that a launcher has added or changed."""
    source = Source("launcher", launched.launcher or "")
    changed = {name: text for name, text in launched.environ.items() if plain.environ.get(name) != text}
    return [Variable(name, text, source) for name, text in sorted(changed.items())]


def _check_train(
    entry: EntryPoint, target: Target, environment: Environment, plugins: Plugins, inherited: Mapping[str, str]
) -> list[str]:
    """Check the user's ``train`` before its module runs, if the core will call it; returns warnings."""
    if entry.mode != "function" or entry.tree is None or entry.path is None or target.kind == "framework":
        return []
    if any(plugins.answerers(hook) != ["builtin"] for hook in ("load_user_module", "train")):
        return []
    from smc_core.train_function import check_source

    warning = check_source(entry.tree, entry.path, environment, inherited, plugins.hyperparameters())
    return [] if warning is None else [warning]


def what_is_used(environment: Environment, inherited: Mapping[str, str]) -> str | None:
    """A line that says which code and entry point are used, if the job names more than one; else None.

    Args:
        environment: the Environment.
        inherited: the variables that the container was given.

    """
    used, unused = [], []
    for fact, name in (("module_dir", "code"), ("user_entry_point", "entry point")):
        value = getattr(environment, fact)
        unused += passed_over(fact, value, inherited, environment.framework_texts)
        used.append(f"{name} {value} ({environment.sources[fact]})")
    if not unused:
        return None
    left = ", ".join(f"{each.value} ({source_of(each.place)})" for each in unused)
    return mask_urls(f"{', '.join(used)}; not used: {left}")


def _check_that_none_is_missing(environment: Environment, inherited: Mapping[str, str]) -> None:
    """Refuse to run a job as one plain process on each host if it asks for a launcher: it would train in vain."""
    asked = who_asks(environment, inherited)
    if asked is not None and takes_part(environment):
        count = len(environment.distribution_hosts)
        hosts = f" for {count} hosts" if count > 1 else ""
        raise PluginError(
            f"{asked} requires a launcher{hosts}, but no installed plugin provides it (see smc plugins); "
            f"install the framework's plugin, or set {LAUNCHER_ENV}={NO_LAUNCHER}"
        )


def _check_that_one_fits(inherited: Mapping[str, str]) -> None:
    """Refuse a launcher where the platform starts several copies itself, or where the number of hosts is not known."""
    why_not = platforms.current(inherited).no_launcher
    if why_not:
        raise ConfigurationError(f"{why_not}; or turn the launcher off: {LAUNCHER_ENV}={NO_LAUNCHER}")


@foreign_input(CodeError, "the entry point")
def _entry_point(target: Target, environment: Environment, inherited: Mapping[str, str]) -> EntryPoint:
    named_function = target.kind == "framework" and ":" in (target.name or "")
    try:
        if not named_function:
            return resolve(target.name, environment.code_dir, as_module=target.kind != "program", environ=inherited)
    except CodeError:
        if target.kind != "framework":
            raise
    return EntryPoint(target.name or "", None, target.name, "function", "it names a function")


def _argv(entry: EntryPoint, environment: Environment) -> list[str]:
    if entry.mode == "function":
        return [sys.executable, WORKER]
    check_arguments(environment.user_args, environment.hp_texts, environment.argument_style)
    if entry.mode == "executable" and entry.path is not None:
        return [*executable_argv(entry.path), *environment.user_args]
    program = [entry.name] if entry.module is None else ["-m", entry.module]
    return [sys.executable, SCRIPT_RUNNER, *program, *environment.user_args]


def _framework_argv(entry: EntryPoint) -> list[str]:
    if entry.mode == "function":
        return [sys.executable, WORKER, "--target", entry.name]
    return [sys.executable, SCRIPT_RUNNER, "-m", entry.name]
