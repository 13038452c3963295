"""That a rank has failed, told by ``rank.py`` to ``mpirun``'s daemon's program: the daemon itself ends with 0 then."""

from __future__ import annotations

import contextlib
import os

from smc_core.contract import REPORT_DIR_ENV

_PREFIX = "mpi-rank-"


def note(code: int) -> None:
    """Tell that this rank has ended with an exit code, where it is not 0. Never an error."""
    folder = os.environ.get(REPORT_DIR_ENV)
    if folder and code:
        with contextlib.suppress(OSError), open(os.path.join(folder, f"{_PREFIX}{os.getpid()}"), "w"):
            pass


def noted() -> bool:
    """Whether a rank of this host has failed."""
    with contextlib.suppress(OSError):
        return any(name.startswith(_PREFIX) for name in os.listdir(os.environ.get(REPORT_DIR_ENV) or os.devnull))
    return False
