"""The folder in which the job's processes leave word for the supervisor.

It is locked for as long as the supervisor lives. So one that is left behind, where supervisor and guard were killed at
once, is known by a lock that can be had, and the next job in that place removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import stat
from collections.abc import Mapping

from smc_core.process.reports import MAX_REPORT_BYTES, RESERVE_FILE

_MOST_ENTRIES = 1000
"""Entries of a place that are looked at for what others have left."""


class ReportDir:
    """The folder, made in the first place that can be written to.

    Args:
        environ: variables, among which TMPDIR may be.
        output_dir: the job's output folder, for want of a better place.

    Attributes:
        path: absolute; None where no place can be written to, and the job runs without reports.

    """

    def __init__(self, environ: Mapping[str, str], output_dir: str) -> None:
        self.path: str | None = None
        self._lock = -1
        for place in (environ.get("TMPDIR"), "/tmp", "/dev/shm", "/var/tmp", "/run", output_dir, "."):  # noqa: S108
            if place:
                with contextlib.suppress(OSError, ValueError):
                    self.path, self._lock = _make(os.path.abspath(place))
                    return

    def is_whole(self) -> bool:
        """Whether it is there, and nobody has cleared it: what is not in it was never written."""
        return self.path is not None and os.path.exists(os.path.join(self.path, RESERVE_FILE))

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        if self.path is not None:
            _remove(self.path)
            with contextlib.suppress(OSError):
                os.close(self._lock)  # at the last: until then it is not left behind

    def remove_left_over(self) -> None:
        """Remove what other jobs have left beside it, whose supervisors are gone."""
        if self.path is None:
            return
        place = os.path.dirname(self.path)
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in itertools.islice(entries, _MOST_ENTRIES):
                if _is_ours(entry.name) and entry.path != self.path:
                    with contextlib.suppress(OSError):
                        _remove_if_left(entry.path)


def _is_ours(name: str) -> bool:
    parts = name.split("-")
    return len(parts) == 3 and parts[0] == "smc" and parts[1].isdecimal() and len(parts[2]) == 8


def _make(place: str) -> tuple[str, int]:
    """A folder with a lock on it; it gets the name by which it is known when it has both."""
    name = f"smc-{os.getpid()}-{os.urandom(4).hex()}"
    made, folder = os.path.join(place, f".{name}"), os.path.join(place, name)
    os.mkdir(made, 0o700)
    lock = -1
    try:
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a file system without locks: nobody gets one there
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(os.path.join(made, RESERVE_FILE), "wb") as file:
            file.write(bytes(MAX_REPORT_BYTES))
        os.rename(made, folder)
    except OSError:
        _remove(made)
        if lock >= 0:
            os.close(lock)
        raise
    return folder, lock


def _remove_if_left(path: str) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        state = os.fstat(lock)
        if state.st_uid == os.getuid() and stat.S_IMODE(state.st_mode) == 0o700:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
    finally:
        os.close(lock)


def _remove(path: str) -> None:
    for folder, folders, files in os.walk(path, topdown=False):  # which follows no link to a folder
        for name in (*files, *folders):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))
        with contextlib.suppress(OSError):
            os.rmdir(folder)
