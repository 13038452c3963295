"""How large submitted code may be: one count for every source, wherever it comes from and however it is packed."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from smc_core.errors import CodeError
from smc_core.settings import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_FILES, MAX_ARCHIVE_MEMORY, Setting

TEXT_PER_FILE = 512
"""Bytes of names, link targets and extended headers for each file that is allowed. Real ones have about 100."""
_LEAST_TEXT = 1024**2
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Limits:
    """How large code may be.

    Attributes:
        max_bytes: the size of a transfer, and separately the content of all files, in bytes; 10 GiB by default.
        max_files: files, folders and links together, 100,000 by default.
        max_memory: memory that unpacking may take, in bytes, 128 MiB by default.
    """

    max_bytes: int = MAX_ARCHIVE_BYTES.of({})
    max_files: int = MAX_ARCHIVE_FILES.of({})
    max_memory: int = MAX_ARCHIVE_MEMORY.of({})

    @classmethod
    def of_job(cls, environ: Mapping[str, str]) -> Limits:
        """The limits that the job's variables set.

        Raises:
            ConfigurationError: one of them is not a positive whole number.

        """
        return cls(MAX_ARCHIVE_BYTES.of(environ), MAX_ARCHIVE_FILES.of(environ), MAX_ARCHIVE_MEMORY.of(environ))

    @property
    def max_text(self) -> int:
        """Bytes of names, link targets and extended headers of all members together."""
        return max(_LEAST_TEXT, TEXT_PER_FILE * self.max_files)


class Quota:
    """Counts what comes from one source, and refuses more than is allowed. Several threads may count.

    Args:
        what: the source as messages call it.
        limits: how large it may be.
        verb: the verb in front of the number of bytes in the message.

    """

    def __init__(self, what: str, limits: Limits, verb: str = "has") -> None:
        self.what = what
        self.limits = limits
        self.bytes = 0
        self.files = 0
        self._text = 0
        self._verb = verb
        self._lock = threading.Lock()

    def add_bytes(self, size: int) -> None:
        """Count bytes of content.

        Raises:
            CodeError: they are too many.

        """
        with self._lock:
            self.bytes += size
        self.check_bytes(self.bytes)

    def add_file(self) -> None:
        """Count a file, folder or link.

        Raises:
            CodeError: they are too many.

        """
        with self._lock:
            self.files += 1
        self.check_files(self.files)

    def add_text(self, size: int) -> None:
        """Count bytes of a name, a link's target or an extended header, which are kept in memory.

        Raises:
            CodeError: they are too many.

        """
        with self._lock:
            self._text += size
        self.check_text(self._text)

    def check_bytes(self, size: int) -> None:
        """Refuse a source with this number of bytes if that is too many."""
        if size > self.limits.max_bytes:
            raise self._refused(f"it {self._verb} more than {self.limits.max_bytes:,} bytes", MAX_ARCHIVE_BYTES)

    def check_files(self, files: int) -> None:
        """Refuse a source with this number of files if that is too many."""
        if files > self.limits.max_files:
            raise self._refused(f"it has more than {self.limits.max_files:,} files", MAX_ARCHIVE_FILES)

    def check_text(self, size: int) -> None:
        """Refuse a source with this number of bytes of names and headers if that is too many."""
        if size > self.limits.max_text:
            raise self._refused(
                f"its names and headers have more than {self.limits.max_text:,} bytes", MAX_ARCHIVE_FILES
            )

    def too_much_memory(self) -> CodeError:
        """The error for an archive that needs more memory than it may take."""
        needs = f"unpacking it takes more than {self.limits.max_memory:,} bytes of memory"
        return self._refused(needs, MAX_ARCHIVE_MEMORY)

    def _refused(self, why: str, setting: Setting) -> CodeError:
        return CodeError(f"{self.what} is refused: {why}; set {setting} if that is intended")


def whole_number(text: str) -> int | None:
    """A whole number in foreign input: 1 to 18 ASCII digits; None for anything else."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None
