"""Decompresses a file, forwards and in bounded memory."""

from __future__ import annotations

from typing import IO

from smc_core.code.archive.formats import Engine, Format
from smc_core.code.limits import Quota

_CHUNK = 64 * 1024


class Packed:
    """Reads a compressed file that consists of one stream or of several in a row.

    Unlike the ``gzip``, ``bz2`` and ``lzma`` files of the standard library, it keeps to a memory limit, and does not
    read headers byte by byte.

    Args:
        file: the compressed bytes.
        kind: how it is compressed; a kind that has an engine.
        quota: how much memory it may take.

    """

    def __init__(self, file: IO[bytes], kind: Format, quota: Quota) -> None:
        self._file = file
        self._kind = kind
        self._quota = quota
        self._engine: Engine | None = self._new()
        self._given = b""
        self._plain = b""
        self._position = 0

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end.

        Raises:
            EOFError: the file ends inside a stream.
            CorruptError: it cannot be unpacked.
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
            plain = engine.decompress(data, _CHUNK)
            if engine.eof:
                self._next(engine.unused_data)
            if plain:
                return plain
        return b""

    def _next(self, rest: bytes) -> None:
        """Start with the next stream; zeros between and after streams are padding."""
        while not (rest := rest.lstrip(b"\0")):
            rest = self._file.read(_CHUNK)
            if not rest:
                self._engine = None
                return
        self._engine, self._given = self._new(), rest

    def _new(self) -> Engine:
        assert self._kind.engine is not None  # noqa: S101 - nothing else is compressed
        return self._kind.engine(self._quota)
