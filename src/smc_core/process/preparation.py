"""The second process of a job: from the contract to a Command, which it then becomes.

plugins → Environment → code → dependencies → hosts → Command → exec. A function-mode job without a launcher, for which
nothing was installed, runs its worker in this process, which saves one start of the interpreter.

Started by ``prepare.py`` in the same folder.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smc_core import native
from smc_core.errors import ConfigurationError
from smc_core.process import log, signals
from smc_core.process.failure import report_failure
from smc_core.process.report import writer
from smc_core.writable import ensure_writable

_PHASES_OF_USER_CODE = ("code", "requirements")
FRAMEWORK_OPTION = "--framework"
MODULE_OPTION = "--module"

if TYPE_CHECKING:
    from smc_core.environment import Environment
    from smc_core.errors import SmcError
    from smc_core.plan import Plan
    from smc_core.plugins import Plugins


def main(argv: list[str]) -> int:
    """Prepare the job, and become it.

    Args:
        argv: what :mod:`smc_core.runner` gives: nothing, ``--module``, or ``--framework NAME``.

    Returns:
        The exit code, where the job could not be prepared or was run in this process.

    """
    ignored = signals.ignored_at_start()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C stops the preparation without a traceback of ours
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # the supervisor blocked it until here
    framework = argv[1] if argv[:1] == [FRAMEWORK_OPTION] else None
    steps = _Steps(framework, ignored, as_module=argv == [MODULE_OPTION])
    try:
        become = steps.prepare()
    except Exception as failed:  # noqa: BLE001 - whatever fails here must reach the failure file
        error = _of_user_code(failed) if steps.phase in _PHASES_OF_USER_CODE else failed
        report_failure(error, phase=steps.phase)
        return log.failure(error)
    return become()


def _of_user_code(error: Exception) -> Exception:
    """An error of the kernel while the user's code is read is about that code: it is not a bug in smc."""
    if not isinstance(error, OSError) or error.filename is None:
        return error
    from smc_core.errors import CodeError

    return CodeError.of_reading("", error)


class _Steps:
    """The steps of the preparation, and the current one (``phase``), which a report names."""

    def __init__(self, framework: str | None, ignored: frozenset[int], *, as_module: bool) -> None:
        self.framework = framework
        self.ignored = ignored
        self.as_module = as_module
        self.phase = "plugins"
        self.installed = False

    def prepare(self) -> Callable[[], int]:
        """Take all steps but the last; return the last as a function, which returns only where a worker ran."""
        from smc_core.plan import find_target, make_plan
        from smc_core.plugins import Plugins
        from smc_core.version import __version__

        plugins = Plugins.load()
        log.line(f"smc-core {__version__}, Python {sys.version.split()[0]}, {_names(plugins)}")
        for sentence in plugins.deprecated:
            log.line(sentence)
        self.phase = "environment"
        environment = plugins.create_environment()
        _log_platform(environment)
        _make_folders(environment)
        target = find_target(environment, self.framework, as_module=self.as_module)
        if target.kind != "framework":
            environment = self._bring_code(environment)
        self.phase = "launch"
        plan = make_plan(environment, target, plugins, os.environ, may_gain_plugins=self.installed)
        _log_plan(plan)
        self.phase = "hosts"
        _wait_for_hosts(environment)
        command = plan.command
        framework = target.name if target.kind == "framework" else None
        if _has_agent(plan):
            return lambda: _execute(plan, self.ignored, _agent(plan))
        writer.note_command(command.signals, command.launcher or command.mode, len(environment.hosts))
        if command.mode == "function" and command.launcher is None and not self.installed:
            return lambda: _work(plan, plugins, framework)
        return lambda: _execute(plan, self.ignored)

    def _bring_code(self, environment: Environment) -> Environment:
        """Fetch the submitted code and install what it needs; returns the Environment with the final code directory."""
        from smc_core.code.needs.packages import find_needs
        from smc_core.plan import what_is_used

        self.phase = "code"
        used = what_is_used(environment, os.environ)
        if used is not None:
            log.line(used)
        if environment.module_dir != environment.code_dir:
            from smc_core.code.fetch.download import fetch
            from smc_core.contract import CODE_DIR_ENV

            log.show("smc.code")
            fetched = fetch(environment.module_dir, environment.code_dir, environment.user_entry_point)
            log.line(f"code: {fetched.summary}")
            os.environ[CODE_DIR_ENV] = fetched.path  # every rank creates its own Environment
            environment = environment.extend(code_dir=fetched.path)
        self.phase = "requirements"
        if find_needs(environment.code_dir, os.environ):
            self._install(environment.code_dir)
        return environment

    def _install(self, code_dir: str) -> None:
        from smc_core.code.needs.install import install

        log.show("smc.code")
        installed = install(code_dir)
        self.installed = installed.changed
        if installed.summary:
            log.line(installed.summary)
        if installed.path_entry is not None:
            sys.path.insert(0, installed.path_entry)  # the launch hooks look for what the job requires
            _put_in_front("PYTHONPATH", installed.path_entry)
        if installed.scripts is not None:
            _put_in_front("PATH", installed.scripts)


def _put_in_front(variable: str, folder: str) -> None:
    os.environ[variable] = ":".join(filter(None, (folder, os.environ.get(variable))))


def _names(plugins: Plugins) -> str:
    active = [f"{plugin.name} {plugin.version}" for plugin in plugins.installed if not plugin.is_left_out]
    others = [f"{plugin.name} {plugin.choice}" for plugin in plugins.installed if plugin.is_left_out]
    return f"plugins: {', '.join([*active, *others]) or 'none'}"


def _log_platform(environment: Environment) -> None:
    """Where the job runs, if a platform says so, and what it does not say."""
    from smc_core import platforms

    if environment.platform in (platforms.NONE, platforms.sagemaker.NAME):
        return
    hosts = len(environment.hosts)
    place = f"host {environment.host_rank + 1} of {hosts}, {environment.current_host}" if hosts > 1 else "one host"
    attempt = f", restart {environment.attempt}" if environment.attempt else ""
    log.line(f"platform: {environment.platform}, {place}{attempt}")
    for note in platforms.current(os.environ).notes:
        log.line(note)


def _make_folders(environment: Environment) -> None:
    """Create the folders that a script may take for granted."""
    for field in ("model_dir", "checkpoint_dir", "tensorboard_dir"):
        source = environment.sources.get(field)
        if source is not None and source.kind == "variable":  # the platform's own, which no job folder replaces
            ensure_writable(getattr(environment, field), source)
    for folder in (environment.model_dir, environment.output_data_dir, environment.code_dir):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot create the folder {folder}: {error.strerror}; "
                f"mount it writable, or set SAGEMAKER_BASE_DIR to a writable folder"
            ) from error


def _log_plan(plan: Plan) -> None:
    entry = plan.entry_point
    log.line(f"{entry.mode} mode: {entry.name} ({entry.reason})")
    for warning in plan.warnings:
        log.line(f"warning: {warning}")
    for variable in plan.left_out:
        log.line(
            f"variable {variable.name} dropped: {len(variable.text):,} characters are more than a process can be given"
        )
    if plan.command.launcher is not None:
        log.line(f"launcher: {plan.command.launcher}")


def _wait_for_hosts(environment: Environment) -> None:
    if len(environment.hosts) > 1:
        from smc_core.hosts import wait_for_hosts

        names = environment.hosts if environment.hosts_resolve else [os.uname().nodename, environment.master_hostname]
        wait_for_hosts(names, current_host=environment.current_host, log=log.line)


def _has_agent(plan: Plan) -> bool:
    """Whether a launcher joins several hosts, none of which can work without the others."""
    if plan.command.launcher is None or len(plan.environment.distribution_hosts) < 2:
        return False
    from smc_core.process.hosts.agent import host_timeout

    return host_timeout(os.environ) > 0


def _agent(plan: Plan) -> list[str]:
    """The agent's part of a command line; the command of the launched job follows it."""
    from smc_core.ports import Ports
    from smc_core.process.hosts import agent

    environment, command = plan.environment, plan.command
    return [
        *(sys.executable, agent.__file__),
        *("--host", environment.current_host, "--hosts", ",".join(environment.distribution_hosts)),
        *([] if environment.hosts_resolve else ["--master", environment.master_hostname]),
        *("--port", str(Ports.of(environment.master_port).watch)),
        *("--signals", command.signals, "--launcher", str(command.launcher)),
        *(["--serves"] if command.serves else []),
        "--",
    ]


def _work(plan: Plan, plugins: Plugins, framework: str | None) -> int:
    """Run the worker in this process, with the variables and the working directory of the command."""
    from smc_core.process import worker

    gc.enable()
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    native.become_environ(plan.command.environ)
    os.chdir(plan.command.cwd)
    sys.path.insert(0, plan.environment.code_dir)
    return worker.run(plugins, plan.environment, framework)


def _execute(plan: Plan, ignored: frozenset[int], below: Sequence[str] = ()) -> int:
    """Become the command, or the agent that starts it; returns only where it cannot be started.

    The next program need not be Python, so the signals that Python ignores are set back to their defaults first.
    """
    from smc_core.arguments import too_large
    from smc_core.errors import CodeError

    command = plan.command
    try:
        os.chdir(command.cwd)
        sys.stdout.flush()
        argv = native.encoded_all([*below, *command.argv])
        environ = native.encoded_environ(command.environ)
        signals.restore(ignored)
        os.execvpe(argv[0], argv, environ)  # noqa: S606 - a list, and no shell
    except OSError as failed:
        if failed.errno == errno.E2BIG:
            error: SmcError = too_large(plan.environment.hp_texts)
        else:
            error = CodeError.of_start(command.argv[0], failed)
        report_failure(error, phase="launch")
        return log.failure(error)
