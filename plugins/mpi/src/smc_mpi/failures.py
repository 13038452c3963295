"""What ``rank.py`` notes for the program above ``mpirun`` or its daemon, whose own exit codes do not say it.

A note is an empty file in the folder of reports. Writing one is never an error.
"""

from __future__ import annotations

import contextlib
import os

from smc_core.contract import REPORT_DIR_ENV

BEGUN, FAILED, ENDED, LEFT = "begun", "failed", "ended", "left"
"""A rank has begun; has failed; was ended by ``mpirun``, which nobody had asked to; has ended by itself with 0."""
LEFT_EARLY = "ended with exit code 0 before the others, by MPI_Abort or without MPI_Finalize"
_PREFIX = "mpi-"


def note(what: str, rank: int | None) -> None:
    """Note something of this rank."""
    folder = os.environ.get(REPORT_DIR_ENV)
    if folder:
        with contextlib.suppress(OSError), open(os.path.join(folder, f"{_PREFIX}{what}-{rank}"), "w"):
            pass


def noted(what: str) -> list[str]:
    """The ranks of this host that have noted it, the earliest first."""
    folder, prefix = os.environ.get(REPORT_DIR_ENV), f"{_PREFIX}{what}-"
    with contextlib.suppress(OSError), os.scandir(folder or os.devnull) as entries:
        found = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.name.startswith(prefix)]
        return [name.removeprefix(prefix) for _, name in sorted(found)]
    return []
