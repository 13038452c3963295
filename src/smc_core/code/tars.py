"""Reads tar archives, compressed or not, to their very end.

The standard library's ``tarfile`` takes a broken header, and the absence of the closing block, for the end of the
archive; here both are errors. Nothing depends on its extraction filters, which old patch levels of Python lack.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, Any, Literal, cast

from smc_core.code.unpack import Unpacked

_MAX_HEADER = 256 * 1024
"""Bytes of a member's extended header: names and the like. Real ones have a few hundred."""
_OVERHEAD = 4 * 1024
"""Bytes of headers and padding that one member may take besides its content."""
_CHUNK = 1024 * 1024
_MANY_CHUNKS = 64
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_LABEL = b"V"
"""The type of GNU tar's volume label, which is no file."""
_KINDS = {tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a FIFO"}
_OPENERS: dict[str, Callable[[str, Literal["rb"]], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}

_private = cast(Any, tarfile)
_EndHeaderError: type[Exception] = _private.EOFHeaderError
_EmptyHeaderError: type[Exception] = _private.EmptyHeaderError
_TruncatedHeaderError: type[Exception] = _private.TruncatedHeaderError


def read_tar(path: str, compression: str, unpacked: Unpacked) -> None:
    """Unpack a tar archive.

    Args:
        path: the archive.
        compression: ``gzip``, ``bzip2``, ``xz``, or ``""`` for none.
        unpacked: where its members go.

    Raises:
        CodeError: it is broken, or holds what it may not.
        OSError: something cannot be read or written.

    """
    opener = _OPENERS.get(compression, open)
    try:
        with opener(path, "rb") as content:
            _read_whole(_Stream(content, unpacked), unpacked)
    except _BrokenError as error:
        raise unpacked.damaged(str(error)) from error
    except EOFError as error:
        raise unpacked.damaged(f"is truncated: its {compression} data has no end") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise unpacked.damaged(f"is corrupt: {error}") from error
    except (zlib.error, lzma.LZMAError) as error:
        raise unpacked.damaged(f"is corrupt: its {compression} data cannot be unpacked") from error
    except (tarfile.TarError, ValueError, LookupError, RecursionError, ArithmeticError) as error:
        raise unpacked.damaged(f"is corrupt: {error or type(error).__name__}") from error


def _read_whole(stream: _Stream, unpacked: Unpacked) -> None:
    try:
        _read_members(stream, unpacked)
    except _BrokenError:
        stream.drain(_MANY_CHUNKS)  # if the compressed data itself is broken, that is the cause
        raise
    unpacked.finish()
    stream.drain()  # up to the checksum of the compressed data


def _read_members(stream: _Stream, unpacked: Unpacked) -> None:
    archive = tarfile.TarFile(fileobj=cast("IO[bytes]", stream), tarinfo=_Header, errors="surrogateescape")
    if cast(Any, archive).firstmember is None:
        return  # it is empty, and asked again for a first member, Python 3.10 would seek before its beginning
    while (member := archive.next()) is not None:
        cast(Any, archive).members.clear()  # it would remember each
        _read_member(archive, member, stream, unpacked)


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, stream: _Stream, unpacked: Unpacked) -> None:
    if member.isdir():
        unpacked.folder(member.name, member.mode)
    elif member.issym():
        unpacked.symbolic_link(member.name, member.linkname)
    elif member.islnk():
        unpacked.hard_link(member.name, member.linkname)
    elif member.isreg():
        if member.issparse():
            content = cast("IO[bytes]", archive.extractfile(member))
        else:
            stream.seek(member.offset_data)
            content = cast("IO[bytes]", stream)
        unpacked.file(member.name, content, member.size, member.mode, float(member.mtime))
    elif member.type != _LABEL:
        kind = _KINDS.get(member.type, f"of the unknown type {member.type!r}")
        raise unpacked.refused(member.name, f"is {kind}")


class _BrokenError(Exception):
    """The archive is not what it should be; the message says how."""


class _Header(tarfile.TarInfo):
    """A header that is read strictly."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Read one block, and refuse sizes that no honest archive has."""
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _EXTENDED and header.size > _MAX_HEADER):
            raise _BrokenError("is corrupt: it has a header of impossible size")
        return header

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Header:
        """Read the next header; raises where ``TarFile.next`` would quietly stop."""
        first = tarfile.offset == 0
        try:
            return super().fromtarfile(tarfile)
        except _EndHeaderError:
            raise
        except (_EmptyHeaderError, _TruncatedHeaderError):
            if first:
                raise _BrokenError("is no tar archive") from None
            raise _BrokenError("is truncated: its end is missing") from None
        except _private.HeaderError:
            raise _BrokenError("is no tar archive" if first else "is corrupt: it has a broken header") from None


class _Stream:
    """The unpacked bytes of a tar archive: read forwards only, and not without end."""

    def __init__(self, content: IO[bytes], unpacked: Unpacked) -> None:
        self._content = content
        self._unpacked = unpacked
        self._position = 0

    def read(self, size: int) -> bytes:
        data = self._content.read(size)
        self._position += len(data)
        self._unpacked.check_size(self._position - self._unpacked.limits.max_files * _OVERHEAD)
        return data

    def drain(self, chunks: int | None = None) -> None:
        """Read on to the end, or for so many chunks."""
        while chunks != 0 and self.read(_CHUNK):
            chunks = None if chunks is None else chunks - 1

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise _BrokenError("is corrupt: its members overlap")
        while self._position < offset and self.read(min(offset - self._position, _CHUNK)):
            pass
        return self._position
