"""Function mode: load the user's module, train, save the model.

It runs inside the prepare process, or as a separate program: in every rank that a launcher starts, or after packages
were installed. Each rank creates its own Environment, with its own host's values.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.process import standard_library

    standard_library.come_first()

import argparse
import copy  # noqa: F401 - plugins import these when they need them, and then the user's random.py is in the way
import datetime  # noqa: F401
import logging
import os
import pathlib  # noqa: F401
import random  # noqa: F401
import tempfile  # noqa: F401
import zipfile  # noqa: F401
from typing import TYPE_CHECKING

from smc_core.errors import EXIT_SUCCESS, EXIT_USER_CODE, SmcError, UserCodeError
from smc_core.process import log, standard_library
from smc_core.process.failure import report_failure
from smc_core.process.report import writer

if TYPE_CHECKING:
    from types import ModuleType

    from smc_core.environment import Environment
    from smc_core.hookspecs import TrainResult
    from smc_core.plugins import Plugins


def main(argv: list[str]) -> int:
    """Run the worker as a separate program.

    Args:
        argv: ``--target NAME`` for a framework's function; the user's arguments are read from the contract.

    Returns:
        The exit code.

    """
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--target")
    target = parser.parse_args(argv).target
    phase = "plugins"
    try:
        from smc_core.plugins import Plugins

        plugins = Plugins.load()
        phase = "environment"
        environment = plugins.create_environment()
    except Exception as error:  # noqa: BLE001 - whatever fails here must reach the failure file
        report_failure(error, phase=phase)
        return log.failure(error)
    return run(plugins, environment, target)


def run(plugins: Plugins, environment: Environment, target: str | None = None) -> int:
    """Train and save.

    Args:
        plugins: the job's plugins.
        environment: the Environment.
        target: name of a framework's function to call instead of the hooks.

    Returns:
        The exit code. A SystemExit of the user's passes through.

    """
    standard_library.as_given()
    sys.argv[:] = [environment.user_entry_point or sys.argv[0], *environment.user_args]
    _show_own_lines(environment.log_level)
    steps = _Steps(plugins, environment)
    try:
        steps.framework(target) if target else steps.hooks()
    except (SystemExit, KeyboardInterrupt) as ending:
        report_failure(ending, phase=steps.phase)
        raise
    except BaseException as error:  # noqa: BLE001 - the user's, of any class; asyncio's CancelledError is no Exception
        report_failure(error, phase=steps.phase)
        if isinstance(error, SmcError) and not isinstance(error, UserCodeError):
            return log.failure(error)
        sys.stderr.write(writer.user_traceback(error))
        return EXIT_USER_CODE
    return EXIT_SUCCESS


def _show_own_lines(level: int) -> None:
    """Show the log records of smc and its plugins, and leave the root logger and its level to the user.

    At level INFO, frameworks log messages that alarm and mean nothing; and the user's ``basicConfig`` would do nothing
    if the root logger had a handler already.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    own = logging.getLogger("smc")
    own.addHandler(handler)
    own.setLevel(level)
    own.propagate = False


class _Steps:
    """The steps of the worker, and the current one (``phase``)."""

    def __init__(self, plugins: Plugins, environment: Environment) -> None:
        self.plugins = plugins
        self.environment = environment
        self.phase = "load"

    def framework(self, target: str) -> None:
        """Call a framework's own function."""
        from smc_core.functions import execute

        self.phase = "train"
        execute(target, self.environment)

    def hooks(self) -> None:
        """load_user_module → train → save_model."""
        hook, environment = self.plugins.hook, self.environment
        _name_what_a_rerun_starts()
        module = hook.load_user_module(environment=environment)
        self.plugins.check_used_frameworks(environment.code_dir)
        self.phase = "train"
        self._check(module)
        if environment.enable_metrics:
            from smc_core.modules import start_metrics

            start_metrics()
        result: TrainResult = hook.train(environment=environment, module=module)
        if result.model is None:
            return
        self.phase = "save"
        from smc_core.process import saving

        saving.save(self.plugins, environment, module, result.model)

    def _check(self, module: ModuleType) -> None:
        """Warn about parameters that ``train`` does not take, where only the loaded function shows them."""
        if self.plugins.answerers("train") != ["builtin"]:
            return
        from smc_core.train_function import check_loaded

        warning = check_loaded(module, self.environment, os.environ, self.plugins.hyperparameters())
        if warning is not None and self.environment.is_primary:
            log.line(f"warning: {warning}")


def _name_what_a_rerun_starts() -> None:
    """Make a library that starts "this program" again, for each further process, start ``rerun.py``."""
    from importlib.machinery import ModuleSpec

    sys.modules["__main__"].__spec__ = ModuleSpec("smc_core.process.rerun", None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
