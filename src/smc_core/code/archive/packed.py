"""The plain bytes of a compressed file, read forwards in bounded memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, Protocol

from smc_core.code.limits import Quota

_CHUNK = 64 * 1024
KINDS = ("gzip", "bzip2", "xz")


class _Engine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Packed:
    """Reads a compressed file, of one stream or of several in a row.

    Unlike the standard library's ``gzip``, ``bz2`` and ``lzma`` files, it takes no more memory than it may, and reads
    no header byte by byte.

    Args:
        file: the compressed bytes.
        kind: ``gzip``, ``bzip2`` or ``xz``.
        quota: how much memory it may take.

    """

    def __init__(self, file: IO[bytes], kind: str, quota: Quota) -> None:
        self._file = file
        self._kind = kind
        self._quota = quota
        self._engine: _Engine | None = self._new()
        self._given = b""
        self._plain = b""
        self._position = 0

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end.

        Raises:
            EOFError: the file ends inside a stream.
            zlib.error, lzma.LZMAError, OSError: it is corrupt.
            CodeError: it takes too much memory.

        """
        parts = []
        left = size
        while left and (part := self._take(left)):
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self, most: int) -> bytes:
        if self._position == len(self._plain):
            self._plain, self._position = self._unpack(), 0
        part = self._plain[self._position : self._position + most]
        self._position += len(part)
        return part

    def _unpack(self) -> bytes:
        while self._engine is not None:
            engine = self._engine
            data, self._given = self._given, b""
            if engine.needs_input and not data:
                data = self._file.read(_CHUNK)
                if not data:
                    raise EOFError
            plain = self._decompress(engine, data)
            if engine.eof:
                self._next(engine.unused_data)
            if plain:
                return plain
        return b""

    def _next(self, rest: bytes) -> None:
        """Begin with the next stream; zeros between and behind streams are padding."""
        while not (rest := rest.lstrip(b"\0")):
            rest = self._file.read(_CHUNK)
            if not rest:
                self._engine = None
                return
        self._engine, self._given = self._new(), rest

    def _new(self) -> _Engine:
        if self._kind == "gzip":
            return _Gzip()
        if self._kind == "bzip2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._quota.limits.max_memory)

    def _decompress(self, engine: _Engine, data: bytes) -> bytes:
        try:
            return engine.decompress(data, _CHUNK)
        except lzma.LZMAError as error:
            if "memory usage limit" in str(error).lower():
                raise self._quota.too_much_memory() from error
            raise


class _Gzip:
    """zlib's decompressor for gzip, with the interface of the other two."""

    def __init__(self) -> None:
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
