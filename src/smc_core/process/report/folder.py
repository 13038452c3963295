"""The folder in which the job's processes leave reports for the supervisor.

The supervisor holds a lock on it for as long as it lives. Where supervisor and watchdog were killed at once, the folder
is left behind unlocked: that is how the next job in the same place recognises it, and removes it. Locks work across
containers and namespaces, but on a shared file system they may not work across machines, so a folder that another
kernel created is left alone.

The job owns the folder, and may replace it. So its content is removed through a descriptor that was opened when it was
created, or that follows no link: nothing outside it is ever touched.
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
"""Entries of a place that are checked for folders that others have left."""
_KERNEL = "kernel"
"""A dangling link whose target is the id of the kernel that created it: unlike a file, it needs no disk block."""
_KERNEL_ID = "/proc/sys/kernel/random/boot_id"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags that open the folder itself, and never the target of a link."""


class ReportDir:
    """The folder, created in the first writable place.

    Args:
        environ: variables; TMPDIR names the first place to try.
        output_dir: the job's output folder, tried after the usual places for temporary files.

    Attributes:
        path: absolute; None where no place is writable: the job then runs without reports.

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
        """Whether it exists and nobody has cleared it, so that a file missing in it was never written."""
        return self.path is not None and os.path.exists(os.path.join(self.path, RESERVE_FILE))

    def remove(self) -> None:
        """Remove the folder and its content. Also called by the watchdog, which has closed its descriptor of it."""
        if self.path is None:
            return
        folder = self._lock
        if not self._is_folder(folder):
            folder = -1
            with contextlib.suppress(OSError):
                folder = os.open(self.path, _FOLDER)
        _remove(self.path, folder if self._is_folder(folder) else None)
        with contextlib.suppress(OSError):
            os.close(folder)  # last, as this releases the lock: another job may remove what is unlocked

    def _is_folder(self, descriptor: int) -> bool:
        """Whether a descriptor refers to the folder that was created, whatever has its name by now."""
        try:
            return _identity(descriptor) == self._identity
        except OSError:
            return False

    def remove_left_over(self) -> None:
        """Remove the folders of other jobs in the same place whose supervisors are gone."""
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
    """Create a folder and lock it.

    It gets its final name last: under that name other jobs would remove it as long as it is not locked.
    """
    name = f"smc-{os.getpid()}-{os.urandom(4).hex()}"
    hidden, folder = os.path.join(place, f".{name}"), os.path.join(place, name)
    os.mkdir(hidden, 0o700)
    lock = -1
    try:
        lock = os.open(hidden, _FOLDER)
        with contextlib.suppress(OSError):  # a file system without locks: no other job gets one, either
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(OSError):  # a file system without links, or no /proc: no other job removes it
            os.symlink(_kernel_id(), _KERNEL, dir_fd=lock)
        with open(os.path.join(hidden, RESERVE_FILE), "wb") as file:
            file.write(bytes(MAX_REPORT_BYTES))
        os.rename(hidden, folder)
    except OSError:
        if lock >= 0:
            _remove(hidden, lock)
            os.close(lock)
        else:
            os.rmdir(hidden)
        raise
    return folder, lock


def _identity(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino


def _kernel_id() -> str:
    with open(_KERNEL_ID, encoding="ascii") as file:
        return file.read().strip()


def _remove_if_left(path: str) -> None:
    """Remove a folder of ours whose supervisor ran on this kernel and is gone."""
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
    """Empty the folder behind a descriptor, then remove whatever is at its path: the folder, or a replacement."""
    if folder is not None:
        with contextlib.suppress(OSError, RecursionError):  # a job may have nested folders without limit
            _empty(folder)
    with contextlib.suppress(OSError):
        _remove_name(path, None)


def _empty(folder: int) -> None:
    os.fchmod(folder, 0o700)
    for _, folders, files, inside in os.fwalk(".", topdown=False, dir_fd=folder):  # follows no link
        for name in (*files, *folders):
            with contextlib.suppress(OSError):
                _remove_name(name, inside)


def _remove_name(name: str, folder: int | None) -> None:
    """Remove an empty folder, or a link or file."""
    try:
        os.rmdir(name, dir_fd=folder)
    except NotADirectoryError:
        os.unlink(name, dir_fd=folder)
