"""Reads tar archives, compressed or not, to the end.

A broken header, or a missing closing block, is an error. Headers are read by :mod:`smc_core.code.archive.headers`, in
bounded memory and in linear time.
"""

from __future__ import annotations

from typing import IO, Protocol, cast

from smc_core.code.archive import headers
from smc_core.code.archive.formats import CorruptError, Format
from smc_core.code.archive.headers import BLOCK, Extended, Header, Map, Records
from smc_core.code.archive.packed import Packed
from smc_core.code.archive.unpack import Unpacked

_OVERHEAD = 4 * 1024
"""Bytes of headers and padding that one member may have in addition to its content."""
_PER_RECORD = 32
"""Bytes that are counted in addition for a record of a pax header: even one of four bytes takes time."""
_CHUNK = 1024 * 1024
_MANY_CHUNKS = 64
_SPECIAL = {b"3": "a device", b"4": "a device", b"6": "a FIFO"}


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_tar(path: str, kind: Format, unpacked: Unpacked) -> None:
    """Unpack a tar archive.

    Args:
        path: the archive.
        kind: how it is compressed, if it is.
        unpacked: where its members go.

    Raises:
        CodeError: it is broken, or contains something that is refused.
        OSError: something cannot be read or written.

    """
    try:
        with open(path, "rb") as file:
            content = Packed(file, kind, unpacked.quota) if kind.engine is not None else file
            _read_whole(_Stream(content, unpacked), unpacked)
    except _BrokenError as error:
        raise unpacked.damaged(str(error)) from error
    except EOFError as error:
        raise unpacked.damaged(f"is truncated: its {kind.name} data has no end") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise unpacked.damaged(f"is corrupt: {error}") from error
    except CorruptError as error:
        raise unpacked.damaged(f"is corrupt: its {kind.name} data cannot be unpacked") from error
    except (ValueError, LookupError, ArithmeticError) as error:
        raise unpacked.damaged(f"is corrupt: {error or type(error).__name__}") from error


def _read_whole(stream: _Stream, unpacked: Unpacked) -> None:
    try:
        _Reader(stream, unpacked).read()
    except _BrokenError:
        stream.drain(_MANY_CHUNKS)  # raises if the compressed data is broken: then that is the cause
        raise
    unpacked.finish()
    stream.drain()  # the checksum of the compressed data is at its end


class _BrokenError(Exception):
    """The archive is broken; the message says how."""


class _Reader:
    """Reads the members of one archive."""

    def __init__(self, stream: _Stream, unpacked: Unpacked) -> None:
        self._stream = stream
        self._unpacked = unpacked
        self._quota = unpacked.quota
        self._for_all: Records = {}

    def read(self) -> None:
        """Read all members, up to the closing block."""
        extended = Extended()
        while (header := self._header()) is not None:
            if header.type in headers.EXTENDED:
                self._extend(header, extended)
            else:
                self._member(header, extended)
                extended = Extended()

    def _header(self) -> Header | None:
        """The next header; None for the block of zeros that closes the archive."""
        first = self._stream.position == 0
        block = self._stream.read(BLOCK)
        if len(block) < BLOCK:
            raise _BrokenError("is not a tar archive" if first else "is truncated: its end is missing")
        if not any(block):  # POSIX has two such blocks at the end; one is enough here
            return None
        try:
            return headers.read_header(block)
        except OverflowError:
            raise _BrokenError("is corrupt: it has a header of impossible size") from None
        except ValueError:
            raise _BrokenError("is not a tar archive" if first else "is corrupt: it has a broken header") from None

    def _extend(self, header: Header, extended: Extended) -> None:
        """Read an extended header, which applies to the next member, or to all that follow."""
        padded = _padded(header.size)
        self._quota.add_text(BLOCK + padded)  # counted before it is read into memory
        data = self._stream.read(padded)
        if len(data) < padded:
            raise _BrokenError("is truncated: its end is missing")
        data = data[: header.size]
        self._quota.add_text(_PER_RECORD * data.count(b"\n"))
        if header.type == headers.LONG_NAME:
            extended.name = headers.read_text(data)
        elif header.type == headers.LONG_LINK:
            extended.target = headers.read_text(data)
        elif header.type == headers.PAX_GLOBAL:
            self._for_all |= headers.read_records(data)
        else:
            extended.records |= headers.read_records(data)

    def _member(self, header: Header, extended: Extended) -> None:
        unpacked = self._unpacked
        headers.complete(header, {**self._for_all, **extended.records}, extended)
        if header.type == headers.FOLDER:
            unpacked.folder(header.name, header.mode)
        elif header.type == headers.SYMBOLIC_LINK:
            unpacked.symbolic_link(header.name, header.target)
        elif header.type == headers.HARD_LINK:
            unpacked.hard_link(header.name, header.target)
        elif header.type in (headers.REGULAR, headers.SPARSE):
            self._file(header)
        elif header.type == headers.LABEL:
            self._quota.add_text(BLOCK)
        else:
            kind = _SPECIAL.get(header.type, f"of the unknown type {header.type!r}")
            raise unpacked.refused(header.name, f"is {kind}")

    def _file(self, header: Header) -> None:
        while header.more:
            self._quota.add_text(BLOCK)
            headers.read_more(header, self._stream.read(BLOCK))
        end = self._stream.position + _padded(header.size)  # now: a map in the content is part of that size
        content: _Readable = self._stream
        size = header.size
        if header.sparse is not None:
            stored = header.size - (self._map_in_content(header) if header.map_in_content else 0)
            content, size = _Sparse(self._stream, headers.check_map(header, stored)), header.real_size
        self._unpacked.file(header.name, cast("IO[bytes]", content), size, header.mode, header.time)
        self._stream.skip(end)

    def _map_in_content(self, header: Header) -> int:
        """Read the map at the beginning of a sparse file; returns its size in bytes.

        It is a list of numbers on lines, padded to whole blocks: the number of pieces, then offset and length of each.
        """
        begin = self._stream.position
        texts: list[bytes] = []
        wanted, rest = 1, b""
        while len(texts) < wanted:
            self._quota.add_text(BLOCK)
            block = self._stream.read(BLOCK)
            if len(block) < BLOCK or len(rest) > BLOCK or self._stream.position - begin > header.size:
                raise _BrokenError("is corrupt: it has a broken header")
            *lines, rest = (rest + block).split(b"\n")
            texts += lines
            wanted = 1 + 2 * headers.decimal(texts[0]) if texts else 1
            if wanted > 2 * headers.MAX_PIECES:
                raise ValueError("a sparse file has too many pieces")
        header.sparse = headers.read_map(list(map(headers.decimal, texts[1:wanted])))
        return self._stream.position - begin


class _Sparse:
    """The content of a sparse file; its holes are read as zeros."""

    def __init__(self, stream: _Stream, pieces: Map) -> None:
        self._stream = stream
        self._pieces = iter(pieces)
        self._piece = next(self._pieces, None)
        self._position = 0

    def read(self, size: int) -> bytes:
        if self._piece is None:
            data = bytes(size)
        elif self._position < self._piece[0]:
            data = bytes(min(size, self._piece[0] - self._position))
        else:
            end = sum(self._piece)
            data = self._stream.read(min(size, end - self._position))
            if self._position + len(data) == end:
                self._piece = next(self._pieces, None)
        self._position += len(data)
        return data


class _Stream:
    """The decompressed bytes of a tar archive: read forwards only, and not without limit."""

    def __init__(self, content: _Readable, unpacked: Unpacked) -> None:
        self.position = 0
        self._content = content
        self._quota = unpacked.quota
        # On top of the content: without this limit, an archive of headers alone could be endless.
        self._most = unpacked.quota.limits.max_files * _OVERHEAD

    def read(self, size: int) -> bytes:
        data = self._content.read(size)
        self.position += len(data)
        self._quota.check_bytes(self.position - self._most)
        return data

    def drain(self, chunks: int | None = None) -> None:
        """Read on to the end, or for a number of chunks."""
        while chunks != 0 and self.read(_CHUNK):
            chunks = None if chunks is None else chunks - 1

    def skip(self, position: int) -> None:
        """Read on to a position, or to the end."""
        while self.position < position and self.read(min(position - self.position, _CHUNK)):
            pass


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
