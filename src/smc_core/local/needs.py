"""What a local job's code needs: installed before the job begins with ``--venv``, otherwise only checked."""

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
    """A signal arrived while packages were being installed.

    Args:
        number: the signal.

    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def check(request: Request, code: Code) -> None:
    """Refuse a job whose hosts would all install the same packages at the same time.

    Raises:
        ConfigurationError: they would.

    """
    if request.hosts and request.install and not is_provided(request, code):
        raise ConfigurationError("with --hosts, every host would install the requirements: use --venv and a folder")


def is_provided(request: Request, code: Code) -> bool:
    """Whether the requirements are installed once, before the job begins, and not by each host."""
    return request.venv and code.folder is not None


def requirements_variables(request: Request, code: Code) -> dict[str, str]:
    """The variable that keeps the job itself from installing, if it must not."""
    if not request.install:
        return {REQUIREMENTS_ENV: NOTHING}
    return {REQUIREMENTS_ENV: PROVIDED} if is_provided(request, code) else {}


def provide_interpreter(request: Request, code: Code, log: int) -> str:
    """The interpreter of the job: that of a virtual environment if one was asked for, else that of this process.

    Args:
        request: what was asked for.
        code: the code.
        log: descriptor of the job's log, for the output of an installer.

    Raises:
        CodeError: what the code needs cannot be installed.
        Interrupted: a signal arrived meanwhile, and the installer has exited.

    """
    if not request.venv:
        return sys.executable
    from smc_core.local.venvs import provide_venv

    with _interruptible():
        return provide_venv(code, {**os.environ, **request.variables}, log, install=request.install)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """While entered, a signal that asks to stop raises :class:`Interrupted`; before and after, signals are blocked."""

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
    """A warning for the log if the code asks for missing packages and nothing will be installed.

    Args:
        request: what was asked for.
        code: the code.
        environ: the variables, one of which may name another requirement file.

    Returns:
        The line; None if nothing is missing, if packages will be installed, or if it cannot be determined.

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
        return None  # a broken file does not matter: nothing is installed from it
    if not lines:
        return None
    names = some_of([line.shown for line in lines], _SHOWN)
    return (
        f"{os.path.basename(needs.requirements)} asks for {names}, which this environment does not have; "
        "--venv or --requirements installs what the code asks for"
    )
