r"""Records in a stream of bytes, in the framings of SageMaker's Pipe mode. Standard library only.

- ``RecordIO`` (MXNet's, as dmlc-core defines it): ``uint32`` magic ``0xCED7230A``; ``uint32`` whose upper 3 bits say
  which part of a record follows (0 all of it, 1 the first, 2 one in between, 3 the last) and whose lower 29 bits are
  its length; the part; zeros up to the next multiple of 4 bytes. Between two parts of a record belongs the magic
  number, which the writer has removed. All numbers are little-endian.
- ``TFRecord``: ``uint64`` length; ``uint32`` checksum of these 8 bytes; the record; ``uint32`` checksum of it. A
  checksum is a masked CRC-32C.
- ``TextLine``: lines that end in ``\\n`` or ``\\r\\n``, which is removed; the last line may lack it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

MAGIC = 0xCED7230A
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_PART_SHIFT, _LENGTH_MASK = 29, (1 << 29) - 1
_CHUNK = 1 << 20


class BadRecordError(ValueError):
    """The bytes of a channel do not have the expected framing."""


def record_io(stream: BinaryIO) -> Iterator[bytes]:
    """The records of a RecordIO stream.

    Raises:
        BadRecordError: the stream is not RecordIO, or ends within a record; the message says where.

    """
    reader = _Reader(stream, "RecordIO")
    parts: list[bytes] = []
    while (header := reader.begin(8)) is not None:
        magic, mark = struct.unpack("<II", header)
        if magic != MAGIC:
            raise reader.bad(f"begins with 0x{magic:08X}, not with the magic number 0x{MAGIC:08X}")
        part, length = mark >> _PART_SHIFT, mark & _LENGTH_MASK
        if part > _LAST or bool(parts) != (part in (_MIDDLE, _LAST)):
            raise reader.bad(
                f"is part {part} of a record, which cannot stand {'after' if parts else 'before'} the first"
            )
        parts.append(reader.take(length))
        reader.take(-length % 4)
        if part in (_WHOLE, _LAST):
            yield struct.pack("<I", MAGIC).join(parts)
            parts = []
    if parts:
        raise reader.bad("is missing: the stream ends between the parts of a record")


def tf_records(stream: BinaryIO) -> Iterator[bytes]:
    """The records of a TFRecord stream. The checksums of lengths are checked, those of the data are not.

    Raises:
        BadRecordError: the stream is not TFRecord, or ends within a record; the message says where.

    """
    reader = _Reader(stream, "TFRecord")
    while (header := reader.begin(12)) is not None:
        length, checksum = struct.unpack("<QI", header)
        if checksum != masked_crc32c(header[:8]):
            raise reader.bad("has a length that its checksum contradicts")
        record = reader.take(length)
        reader.take(4)
        yield record


def text_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream, without line breaks."""
    for line in stream:
        yield line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line


FORMATS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "RecordIO": record_io,
    "TFRecord": tf_records,
    "TextLine": text_lines,
}
"""Name of a framing → what reads it."""


class _Reader:
    """Reads a stream in whole pieces, and keeps its position."""

    def __init__(self, stream: BinaryIO, framing: str) -> None:
        self._stream = stream
        self._framing = framing
        self._position = 0
        self._begin = 0
        self._number = 0

    def begin(self, size: int) -> bytes | None:
        """The header of the next record, or None at the end of the stream."""
        self._begin = self._position
        self._number += 1
        header = self._read(size)
        if not header:
            return None
        if len(header) < size:
            raise self.bad(f"is cut off: {len(header)} of the {size} bytes of its header are there")
        return header

    def take(self, size: int) -> bytes:
        """A number of bytes of the record."""
        data = self._read(size)
        if len(data) < size:
            raise self.bad(f"is cut off: {size - len(data):,} bytes are missing")
        return data

    def bad(self, what: str) -> BadRecordError:
        """The error for what is wrong with the record under way."""
        return BadRecordError(f"not {self._framing}: frame {self._number}, at byte {self._begin:,}, {what}")

    def _read(self, size: int) -> bytes:
        """Read until there is enough or the stream ends; in pieces, because a wrong length may be huge."""
        pieces, missing = [], size
        while missing and (piece := self._stream.read(min(missing, _CHUNK))):
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        self._position += len(data)
        return data


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        entries.append(entry)
    return entries


_TABLE = _table()
