"""``output/success`` and ``output/failure``, which only the supervisor writes."""

from __future__ import annotations

import contextlib
import os
import stat

from smc_core.contract import JobPaths, write_atomic
from smc_core.regular_file import read_regular

MAX_FAILURE_BYTES = 192 * 1024
_RESERVE_FILE = ".smc-reserve"
_MOST_FOLDERS = 1000
"""Folders that are searched for a file that the job left."""


class OutcomeFiles:
    """The two files of one job.

    Space for a failure file is reserved when the job begins: a job that fills the disk is one whose failure must be
    reported.

    Args:
        paths: the folders of the job.

    """

    def __init__(self, paths: JobPaths) -> None:
        self._paths = paths
        self._reserve = os.path.join(paths.output, _RESERVE_FILE)
        self._provisional = b""

    def begin(self) -> str | None:
        """Remove the files of an earlier job in the same folder, and reserve space.

        Returns:
            What is wrong with the folder; None if nothing is.

        """
        try:
            os.makedirs(self._paths.output, exist_ok=True)
            for path in (self._paths.success, self._paths.failure):
                _move_aside(path)
                _remove(path)
            with open(self._reserve, "wb") as file:
                file.write(bytes(MAX_FAILURE_BYTES))
        except OSError as error:
            return f"{self._paths.output} cannot be written: {error.strerror}"
        return None

    def note(self, text: str) -> None:
        """Write a provisional ``failure``, for the case that this process is killed before it knows the outcome.

        :meth:`fail` and :meth:`succeed` replace it. Nothing is written over a file of the script's, or if the disk is
        full: the reserved space is for the outcome.
        """
        if not _has_content(self._paths.failure):
            content = text.encode("utf-8", "backslashreplace")
            with contextlib.suppress(OSError):
                write_atomic(self._paths.failure, content)
                self._provisional = content

    def _is_provisional(self) -> bool:
        """Whether ``failure`` is still what :meth:`note` wrote: the script may have written its own since."""
        own = self._provisional
        return bool(own) and read_regular(self._paths.failure, len(own) + 1) == own

    def succeed(self) -> str | None:
        """Write ``success``. Returns what went wrong, or None."""
        _remove_quietly(self._reserve)
        if self._is_provisional():
            _remove_quietly(self._paths.failure)
        _move_aside(self._paths.failure)
        _move_aside(self._paths.success)
        try:
            write_atomic(self._paths.success, b"")
        except OSError as error:
            return f"{self._paths.success} cannot be written: {error.strerror}"
        return None

    def left_nothing(self) -> bool:
        """Whether a job that has ended left no file in ``model/``, ``output/`` and ``checkpoints/``."""
        folders = [self._paths.model, self._paths.output, self._paths.checkpoints]
        own = {self._paths.success, self._paths.failure, self._reserve}
        for count, folder in enumerate(folders):
            if count >= _MOST_FOLDERS:
                return False
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        elif entry.path not in own:
                            return False
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def fail(self, text: str) -> str | None:
        """Write ``failure``, unless the script has written one. Returns what went wrong, or None.

        An empty file, or something that is not a regular file, does not count as one.
        """
        _move_aside(self._paths.success)
        _remove_quietly(self._paths.success)
        _move_aside(self._paths.failure)
        is_own = self._is_provisional()
        try:
            if is_own or not _has_content(self._paths.failure):
                self._write_failure(text.encode("utf-8", "backslashreplace")[:MAX_FAILURE_BYTES])
        except OSError as error:
            return f"{self._paths.failure} cannot be written: {error.strerror}"
        finally:
            _remove_quietly(self._reserve)
        return None

    def _write_failure(self, content: bytes) -> None:
        try:
            write_atomic(self._paths.failure, content)
        except OSError:
            if not os.path.exists(self._reserve):
                raise
            with open(self._reserve, "r+b") as file:
                file.write(content)
                file.truncate()
            os.replace(self._reserve, self._paths.failure)


def _has_content(path: str) -> bool:
    try:
        state = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size > 0


def _move_aside(path: str) -> None:
    """Rename a folder that a script has created where a file belongs: its content may be wanted."""
    if os.path.isdir(path) and not os.path.islink(path):
        with contextlib.suppress(OSError):  # if it stays, writing the file fails, and that is reported
            os.rename(path, f"{path}-folder-{os.urandom(4).hex()}")


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _remove_quietly(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
