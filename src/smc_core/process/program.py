"""What programs that start other processes have in common: starting them, exiting as they did, reporting failures."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from smc_core.errors import CodeError, HostError
from smc_core.process import log
from smc_core.process.failure import report_failure
from smc_core.process.outcome.ending import exit_code


def main(run: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run a program; log whatever fails in it in one or two lines, and report it.

    Args:
        run: the program. It takes the arguments and returns its exit code, or minus the signal that killed its child:
            then the same signal kills this process, so that its parent sees it.
        argv: the arguments.

    Returns:
        The exit code of the program; where it fails, that of the error, 70 for an unexpected one.

    """
    try:
        return exit_as(run(argv))
    except Exception as error:  # noqa: BLE001 - whatever fails here must reach the failure file
        report_failure(error, phase="hosts" if isinstance(error, HostError) else "launch")
        return log.failure(error)


def start_child(
    command: Sequence[str], *, environ: Mapping[str, str] | None = None, own_session: bool = False
) -> subprocess.Popen[bytes]:
    """Start a program.

    Args:
        command: an argument list; no shell reads it.
        environ: all of its variables, by default those of this process.
        own_session: whether it leads its own session and process group. Signals to this process's group, such as
            Ctrl-C, then do not reach it.

    Raises:
        CodeError: it cannot be started; the message names it and says why.

    """
    try:
        return subprocess.Popen(command, env=environ, start_new_session=own_session)  # noqa: S603 - a list, and no shell
    except OSError as error:
        raise CodeError.of_start(command[0], error) from error


def exit_as(status: int) -> int:
    """Exit as a child did. Where a signal killed the child, the same signal kills this process: its parent sees it.

    Args:
        status: the child's exit code, or the signal as a negative number.

    Returns:
        The exit code for ``sys.exit``, where the status was not a signal, or the signal did not kill.

    """
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the child has left its core already
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-status])
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return exit_code(status)
