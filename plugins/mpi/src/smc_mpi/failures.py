"""Notes from ``rank.py`` to the parent of ``mpirun`` or of its daemon, because their exit codes do not say enough.

A note is an empty file in the folder of reports. Writing one never raises.
"""

from __future__ import annotations

import contextlib
import os

from smc_core.contract import REPORT_DIR_ENV

BEGUN, FAILED, ENDED, LEFT, ABORTED = "begun", "failed", "ended", "left", "aborted"
"""A rank has begun; has failed; was ended by ``mpirun``, which nobody had asked to; has ended by itself with 0; was
aborted by Open MPI, as it had lost another rank."""
PEER_IS_LOST = 14
"""``MPI_ERR_UNKNOWN``, the exit code with which Open MPI aborts a rank that has lost another one."""
LEFT_EARLY = "ended with exit code 0 before the others, by MPI_Abort or without MPI_Finalize"
_PREFIX = "mpi-"


def note(what: str, rank: int | None) -> None:
    """Write a note for this rank."""
    folder = os.environ.get(REPORT_DIR_ENV)
    if folder:
        with contextlib.suppress(OSError), open(os.path.join(folder, f"{_PREFIX}{what}-{rank}"), "w"):
            pass


def noted(what: str) -> list[str]:
    """The ranks of this host with such a note, the earliest first."""
    return [rank for _, rank in _notes(what)]


def left() -> tuple[int, float] | None:
    """The first rank that exited with 0, if none was aborted before, and when, in seconds since the epoch."""
    first, aborted = _notes(LEFT)[:1], _notes(ABORTED)[:1]
    if not first or not first[0][1].isdecimal() or (aborted and aborted < first):
        return None
    return int(first[0][1]), first[0][0] / 1e9


def _notes(what: str) -> list[tuple[int, str]]:
    folder, prefix = os.environ.get(REPORT_DIR_ENV), f"{_PREFIX}{what}-"
    with contextlib.suppress(OSError), os.scandir(folder or os.devnull) as entries:
        found = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.name.startswith(prefix)]
        return sorted((when, name.removeprefix(prefix)) for when, name in found)
    return []
