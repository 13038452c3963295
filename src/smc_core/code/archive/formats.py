"""The kinds of archives: their names, their first bytes, and the engines that decompress them.

Another compression for tar archives is a line in :data:`FORMATS` and a function that creates its engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

from smc_core.code.limits import Quota
from smc_core.errors import CodeError


class CorruptError(Exception):
    """Compressed data that cannot be unpacked."""


class Engine(Protocol):
    """Decompresses one stream, with the interface of :class:`bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether there is no more output without further input."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Decompress further input, into at most ``max_length`` bytes.

        Raises:
            CorruptError: it is not data of this kind.
            CodeError: it needs more memory than it may take.

        """


class Format(NamedTuple):
    """A kind of archive.

    Attributes:
        name: its name in messages.
        suffixes: the suffixes of its files.
        magic: the possible first bytes of its files; empty for plain tar, whose mark is further on.
        engine: for a compressed tar archive, creates the engine for a stream; None for others.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    engine: Callable[[Quota], Engine] | None = None


class _Converting:
    """An engine of the standard library whose errors become :class:`CorruptError`."""

    def __init__(self, engine: Engine, errors: type[Exception]) -> None:
        self._engine = engine
        self._errors = errors

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return self._engine.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return self._engine.decompress(data, max_length)
        except self._errors as error:
            raise self._converted(error) from error

    def _converted(self, error: Exception) -> Exception:
        return CorruptError(str(error))


class _Xz(_Converting):
    """Xz, the only kind that can demand much memory: the file states the size of its dictionary."""

    def __init__(self, quota: Quota) -> None:
        import lzma

        super().__init__(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=quota.limits.max_memory), lzma.LZMAError)
        self._quota = quota

    def _converted(self, error: Exception) -> Exception:
        is_too_large = "memory usage limit" in str(error).lower()
        return self._quota.too_much_memory() if is_too_large else super()._converted(error)


class _Gzip:
    """zlib's decompressor for gzip, with the interface of the other two."""

    def __init__(self) -> None:
        import zlib

        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        plain = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = not self._zlib.unconsumed_tail and len(plain) < max_length
        return plain


def _gzip(_: Quota) -> Engine:
    import zlib

    return _Converting(_Gzip(), zlib.error)


def _bzip2(_: Quota) -> Engine:
    import bz2

    return _Converting(bz2.BZ2Decompressor(), OSError)


TAR = Format("tar", (".tar",))
GZIP = Format("gzip", (".tar.gz", ".tgz"), (b"\x1f\x8b",), _gzip)
ZIP = Format("zip", (".zip", ".whl"), (b"PK\x03\x04", b"PK\x05\x06"))
FORMATS = (
    TAR,
    GZIP,
    Format("bzip2", (".tar.bz2", ".tbz2", ".tbz"), (b"BZh",), _bzip2),
    Format("xz", (".tar.xz", ".txz"), (b"\xfd7zXZ\x00",), _Xz),
    ZIP,
)
ARCHIVE_SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)
"""Suffixes of the files that are unpacked."""
_UNKNOWN_SUFFIXES = (".tar.zst", ".tzst", ".tar.lz", ".tar.lz4", ".tar.z", ".7z", ".rar")


def is_archive(path: str, name: str | None = None) -> bool:
    """Whether a file is an archive that is unpacked.

    It is if its name has one of :data:`ARCHIVE_SUFFIXES`; for a name without any suffix, the first bytes decide.

    Args:
        path: the file.
        name: its real name, if that differs from the name that it has here.

    Raises:
        CodeError: it is an archive of an unsupported kind.

    """
    name = (os.path.basename(path) if name is None else name).lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        return True
    if name.endswith(_UNKNOWN_SUFFIXES):
        raise CodeError(f"{name} is an archive of an unsupported kind; create a .tar.gz or a .zip")
    return "." not in name and format_of(path) is not None


def format_of(path: str) -> Format | None:
    """The kind of archive by the first bytes of a file; None if it is not an archive."""
    with open(path, "rb") as file:
        head = file.read(512)
    found = next((each for each in FORMATS if each.magic and head.startswith(each.magic)), None)
    return found or (TAR if _is_tar_header(head) else None)


def _is_tar_header(head: bytes) -> bool:
    """Whether a block has the checksum of a tar header, including old ones without ``ustar``.

    The checksum is the sum of all bytes, with its own 8 bytes (at 148) taken as blanks.
    """
    try:
        stated = int(head[148:156].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    return len(head) == 512 and stated == sum(head[:148]) + sum(head[156:]) + 8 * ord(" ")
