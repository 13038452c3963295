"""The command line's two ways in: ``smc`` and ``train``."""

from __future__ import annotations

import os
import sys

from smc_core.process import standard_library
from smc_core.words import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


def main(argv: Sequence[str] | None = None) -> int:
    """The command ``smc``.

    Args:
        argv: the arguments, by default those of this process.

    Returns:
        The exit code.

    """
    if argv is None:
        standard_library.come_first()
    import signal

    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["run"], ["run", "train"]):  # what a container starts: nothing to parse, and argparse takes time
        return _run(is_all=argv is None)
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    return _run_command(arguments)


def _run(*, is_all: bool) -> int:
    """Run the job that the variables and files describe.

    Args:
        is_all: whether this process does nothing else: then it exits here, which saves the interpreter's teardown.

    """
    import gc

    from smc_core.process import signals

    gc.disable()  # everything imported stays alive; the supervisor enables it again when it waits for the job
    signals.hold()  # from here on, a request to stop waits for the supervisor
    from smc_core.runner import run

    code = run()
    if is_all:
        _leave(code)
    return code


_leave = os._exit  # the replacement that plugins see raises instead (plugins/leaving.py)


def _interrupted(number: int, _frame: FrameType | None) -> None:
    """Exit with one line: an exception in the middle of an import may surface as another one, or as a traceback.

    Code with something to clean up restores KeyboardInterrupt (``local.job.planned``), or holds signals meanwhile.
    """
    try:  # noqa: SIM105 - importing contextlib could be what was interrupted
        os.write(2, PREFIX + b"interrupted\n")
    except OSError:
        pass
    _leave(128 + number)


def _run_command(arguments: Sequence[str]) -> int:
    _open_streams()
    from signal import SIGINT, SIGPIPE

    from smc_core.errors import SmcError

    try:
        from smc_core.cli.parser import parse

        options = parse(arguments)
        code = int(options.handle(options))
        sys.stdout.flush()
    except BrokenPipeError:  # as in: smc plan | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the interpreter still flushes when it exits is discarded
        return 128 + SIGPIPE
    except SmcError as error:
        from smc_core.process import log

        return log.failure(error)
    except FileNotFoundError:
        if _has_working_directory():
            raise
        from smc_core.errors import ConfigurationError
        from smc_core.process import log

        return log.failure(ConfigurationError("the working directory no longer exists: change to one that does"))
    except KeyboardInterrupt:
        from smc_core.process import log

        log.line("interrupted")
        return 128 + SIGINT
    return code


def _has_working_directory() -> bool:
    """Whether the folder in which this process was started still exists: every relative path needs it."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _open_streams() -> None:
    """Make printing always work: if a parent has closed stdout or stderr, the output is discarded."""
    if sys.stdout is None or sys.stderr is None or sys.stdin is None:
        from smc_core.process.parent.descriptors import open_standard_descriptors

        open_standard_descriptors()
        sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
        sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a name that the locale cannot encode is no reason to print nothing


def train() -> int:
    """The command ``train``, by which SageMaker starts an image that has no ENTRYPOINT: ``smc run``."""
    sys.argv.insert(1, "run")
    return main()
