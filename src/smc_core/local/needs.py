"""What a local job's code needs: installed before the job begins with ``--venv``, else only looked at."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping

from smc_core.code.needs.packages import NOTHING, PROVIDED, REQUIREMENTS_ENV
from smc_core.errors import CodeError, ConfigurationError
from smc_core.local.request import Request
from smc_core.local.target import Code
from smc_core.process import signals
from smc_core.words import some_of

_SHOWN = 3


class Interrupted(BaseException):
    """A signal has come while packages were installed.

    Args:
        number: the signal.

    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def check(request: Request, code: Code) -> None:
    """Refuse a job whose hosts would install the same packages at once.

    Raises:
        ConfigurationError: that is so.

    """
    if request.hosts and request.install and not is_provided(request, code):
        raise ConfigurationError("--hosts would install what the code needs once for each: use --venv, and a folder")


def is_provided(request: Request, code: Code) -> bool:
    """Whether what the code needs is installed before the job begins: once, and not by each host."""
    return request.venv and code.folder is not None


def requirements_variables(request: Request, code: Code) -> dict[str, str]:
    """The variable that keeps the job itself from installing, where it is not to."""
    if not request.install:
        return {REQUIREMENTS_ENV: NOTHING}
    return {REQUIREMENTS_ENV: PROVIDED} if is_provided(request, code) else {}


def provide_interpreter(request: Request, code: Code, log: int) -> str:
    """The interpreter of the job: a virtual environment's where one is asked for, else this process's own.

    Args:
        request: what was asked for.
        code: the code.
        log: descriptor of the job's log, for what an installer prints.

    Raises:
        CodeError: what the code needs cannot be installed.
        Interrupted: a signal has come meanwhile, and the installer has ended.

    """
    if not request.venv:
        return sys.executable
    from smc_core.local.venvs import provide_venv

    with _interruptible():
        return provide_venv(code, {**os.environ, **request.variables}, log, install=request.install)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """While entered, a signal that asks to end raises :class:`Interrupted`; before and after, signals are held."""

    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    asking = signals.taken() & signals.STOP_SIGNALS
    before = {number: signal.signal(number, interrupt) for number in asking}
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        yield
    finally:
        signals.hold()
        for number, handler in before.items():
            signal.signal(number, handler)


def missing_line(request: Request, code: Code, environ: Mapping[str, str]) -> str | None:
    """What the log says at the start where code asks for packages that are not there, and nothing is installed.

    Args:
        request: what was asked for.
        code: the code.
        environ: the variables, one of which may name another requirement file.

    Returns:
        The line; None where all is there, where something is installed, or where it cannot be told.

    """
    if request.install or request.venv or code.folder is None:
        return None
    from smc_core.code.needs.packages import find_needs

    try:
        needs = find_needs(code.folder, environ)
        if not needs.requirements:
            return None
        from smc_core.code.needs.requirements import read_requirements
        from smc_core.code.needs.unmet import unmet
        from smc_core.distributions import Distributions

        lines = unmet(read_requirements(needs.requirements, environ), Distributions())
    except CodeError:
        return None  # nothing is to be installed from it
    if not lines:
        return None
    names = some_of([line.shown for line in lines], _SHOWN)
    return (
        f"{os.path.basename(needs.requirements)} asks for {names}, which this environment does not have; "
        "--venv or --requirements installs what the code asks for"
    )
