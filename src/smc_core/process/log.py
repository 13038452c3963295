"""The few lines that smc itself prints to stderr; each begins with :data:`smc_core.words.PREFIX`.

Standard library only: every process of the job logs through this module.
"""

from __future__ import annotations

import os
import sys

from smc_core import printable
from smc_core.errors import EXIT_INTERNAL, SmcError, UserCodeError
from smc_core.words import PREFIX

ISSUES = "please report it with the lines above (CONTRIBUTING.md says where)"


def line(text: str) -> None:
    """Print a line to stderr, with ``smc: `` in front. Never raises, not even where stderr is closed.

    Args:
        text: the line; line breaks and control characters in it are escaped, secrets in URLs are masked.

    """
    if "://" in text:
        from smc_core.masking import mask_urls

        text = mask_urls(text)
    styled(printable.in_a_line(text))


def as_line(text: str) -> bytes:
    """A line as :func:`line` prints it."""
    return PREFIX + printable.in_a_line(text).encode("utf-8", "backslashreplace") + b"\n"


def styled(text: str) -> None:
    """Print a line that may have colours; parts from outside must have been through :mod:`smc_core.printable`."""
    data = PREFIX + text.encode("utf-8", "backslashreplace") + b"\n"
    try:
        sys.stderr.flush()
        os.write(2, data)
    except (OSError, ValueError, AttributeError):
        pass


def show(logger: str) -> None:
    """Print the warnings of a logger as lines of smc's own, without the logger's name."""
    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line(self.format(record))

    taken = logging.getLogger(logger)
    taken.propagate = False
    if not taken.handlers:
        taken.addHandler(Lines(logging.WARNING))


def failure(error: BaseException) -> int:
    """Print why a step of smc failed, and return its exit code.

    An expected error takes one or two lines; anything else is a bug in smc, and is printed with its traceback.
    """
    if isinstance(error, SmcError) and not isinstance(error, UserCodeError):
        line(f"error: {_without_secrets(error.sentence)}")
        for each in _without_secrets(error.explanation).splitlines():
            line(each)
        return error.exit_code
    import traceback

    traceback.print_exception(type(error), error, error.__traceback__)
    line(f"internal error: {type(error).__name__}: {_without_secrets(str(error))}; {ISSUES}")
    return EXIT_INTERNAL


def _without_secrets(text: str) -> str:
    """The text of an error without the secrets of the job: it may quote foreign input."""
    from smc_core.contract import HYPERPARAMETERS_FILE, job_paths
    from smc_core.masking import Masker

    try:
        folder = job_paths().input_config
    except FileNotFoundError:  # the working directory is gone, and the base directory is below it
        folder = ""
    return Masker.of_job(os.environ, os.path.join(folder, HYPERPARAMETERS_FILE))(text)
