"""Hands the outcome of a job, as data, from its supervisor to the program that started it, over a pipe."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import contextlib
import json
import os
from typing import NamedTuple

from smc_core.process.outcome.ending import COMPLETED, FAILED, STOPPED
from smc_core.process.outcome.text import Outcome

_MOST_BYTES = 4096
"""Size of a message: a pipe takes that many at once (``PIPE_BUF``)."""


class Handover(NamedTuple):
    """The part of an :class:`~smc_core.process.outcome.text.Outcome` that is handed over; the fields are the same."""

    exit_code: int
    status: str
    first_line: str
    failed_at: float
    blames: str


def write(descriptor: int, outcome: Outcome) -> None:
    """Hand the outcome over, and close the descriptor; it is no error if the reader is gone."""
    content = Handover(outcome.exit_code, outcome.status, outcome.first_line, outcome.failed_at, outcome.blames)
    with contextlib.suppress(OSError):
        os.write(descriptor, json.dumps(content).encode("ascii")[:_MOST_BYTES])
        os.close(descriptor)


def read(descriptor: int) -> Handover | None:
    """The outcome, once the writer has exited; None where it was killed before it could hand anything over.

    Args:
        descriptor: the pipe's end to read from; it is closed.

    """
    os.set_blocking(descriptor, False)
    try:
        content = json.loads(os.read(descriptor, _MOST_BYTES))
        code, status, first_line, failed_at, blames = content
    except (OSError, ValueError, TypeError):
        return None
    finally:
        os.close(descriptor)
    if status not in (COMPLETED, FAILED, STOPPED) or type(code) is not int:
        return None
    return Handover(code, status, str(first_line), float(failed_at), str(blames))
