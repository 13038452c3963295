"""The folder in which the job's processes leave word for the supervisor.

It is locked for as long as the supervisor lives. So one that is left behind, where supervisor and watchdog were killed
at once, is known by a lock that can be had, and the next job in that place removes it. A lock holds between containers
and namespaces, but on a shared file system it need not hold between machines: one that another kernel made is left.

The job owns the folder, and may put something else in its place. So what is in it is removed through a descriptor that
was opened when it was made, or that follows no link: nothing outside it is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import stat
from collections.abc import Mapping

from smc_core.process.report.schema import MAX_REPORT_BYTES, RESERVE_FILE

_MOST_ENTRIES = 1000
"""Entries of a place that are looked at for what others have left."""
_KERNEL = "kernel"
"""A link to no file: its text is the id of the kernel that made it; it takes no block of a full disk."""
_KERNEL_ID = "/proc/sys/kernel/random/boot_id"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened: itself, and not what a link leads to."""


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
                    self._identity = _identity(self._lock)
                    return

    def is_whole(self) -> bool:
        """Whether it is there, and nobody has cleared it: what is not in it was never written."""
        return self.path is not None and os.path.exists(os.path.join(self.path, RESERVE_FILE))

    def remove(self) -> None:
        """Remove the folder and what is in it. The watchdog does so too, which holds no descriptor of it."""
        if self.path is None:
            return
        folder = self._lock
        if not self._is_folder(folder):
            folder = -1
            with contextlib.suppress(OSError):
                folder = os.open(self.path, _FOLDER)
        _remove(self.path, folder if self._is_folder(folder) else None)
        with contextlib.suppress(OSError):
            os.close(folder)  # at the last: until then it is not left behind

    def _is_folder(self, descriptor: int) -> bool:
        """Whether a descriptor is of the folder that was made, whatever has its name by now."""
        try:
            return _identity(descriptor) == self._identity
        except OSError:
            return False

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
        lock = os.open(made, _FOLDER)
        with contextlib.suppress(OSError):  # a file system without locks: nobody gets one there
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(OSError):  # a file system without links, or no /proc: nobody else removes it
            os.symlink(_kernel_id(), _KERNEL, dir_fd=lock)
        with open(os.path.join(made, RESERVE_FILE), "wb") as file:
            file.write(bytes(MAX_REPORT_BYTES))
        os.rename(made, folder)
    except OSError:
        if lock >= 0:
            _remove(made, lock)
            os.close(lock)
        else:
            os.rmdir(made)
        raise
    return folder, lock


def _identity(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino


def _kernel_id() -> str:
    with open(_KERNEL_ID, encoding="ascii") as file:
        return file.read().strip()


def _remove_if_left(path: str) -> None:
    """Remove a folder of ours whose supervisor ran on this kernel, and runs no more."""
    lock = os.open(path, _FOLDER)
    try:
        state = os.fstat(lock)
        is_ours = state.st_uid == os.getuid() and stat.S_IMODE(state.st_mode) == 0o700
        if is_ours and os.readlink(_KERNEL, dir_fd=lock) == _kernel_id():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path, lock)
    finally:
        os.close(lock)


def _remove(path: str, folder: int | None) -> None:
    """Empty the folder of a descriptor, and remove what has its name: the folder, or what a job has put there."""
    if folder is not None:
        with contextlib.suppress(OSError, RecursionError):  # a job may have nested folders as deep as it liked
            _empty(folder)
    with contextlib.suppress(OSError):
        _remove_name(path, None)


def _empty(folder: int) -> None:
    os.fchmod(folder, 0o700)
    for _, folders, files, inside in os.fwalk(".", topdown=False, dir_fd=folder):  # which follows no link
        for name in (*files, *folders):
            with contextlib.suppress(OSError):
                _remove_name(name, inside)


def _remove_name(name: str, folder: int | None) -> None:
    """Remove an empty folder, or a link or file."""
    try:
        os.rmdir(name, dir_fd=folder)
    except NotADirectoryError:
        os.unlink(name, dir_fd=folder)
