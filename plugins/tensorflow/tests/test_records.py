"""The framings of Pipe mode: what is written is read, and what is broken is told."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_tensorflow.records import MAGIC, BadRecordError, masked_crc32c, record_io, text_lines, tf_records

RECORDS = st.lists(st.binary(max_size=300), max_size=20)
PARTED = st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), max_size=5)


def record_io_part(part: int, data: bytes) -> bytes:
    return struct.pack("<II", MAGIC, part << 29 | len(data)) + data + bytes(-len(data) % 4)


def write_record_io(records: Iterable[bytes]) -> bytes:
    return b"".join(record_io_part(0, record) for record in records)


def write_tf_records(records: Iterable[bytes]) -> bytes:
    frames = []
    for record in records:
        length = struct.pack("<Q", len(record))
        frames += [length, struct.pack("<I", masked_crc32c(length)), record, struct.pack("<I", masked_crc32c(record))]
    return b"".join(frames)


@given(RECORDS)
def test_record_io_is_read_as_it_was_written(records: list[bytes]) -> None:
    assert list(record_io(io.BytesIO(write_record_io(records)))) == records


@given(RECORDS)
def test_tf_records_are_read_as_they_were_written(records: list[bytes]) -> None:
    assert list(tf_records(io.BytesIO(write_tf_records(records)))) == records


@given(PARTED)
def test_the_parts_of_a_record_are_joined_by_the_magic_number(records: list[list[bytes]]) -> None:
    stream = b""
    for parts in records:
        numbers = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
        stream += b"".join(map(record_io_part, numbers, parts))
    wanted = [struct.pack("<I", MAGIC).join(parts) for parts in records]
    assert list(record_io(io.BytesIO(stream))) == wanted


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=9), st.data())
def test_lines_come_without_their_ends(lines: list[str], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    stream = io.BytesIO("".join(f"{line}{end}" for line in lines).encode())
    assert [line.decode() for line in text_lines(stream)] == lines


def test_the_last_line_needs_no_end() -> None:
    assert list(text_lines(io.BytesIO(b"a\n\nb\r"))) == [b"a", b"", b"b\r"]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_a_stream_that_is_cut_is_told(records: list[bytes], data: st.DataObject) -> None:
    for write, read in ((write_record_io, record_io), (write_tf_records, tf_records)):
        stream = write(records)
        whole = {len(write(records[:count])) for count in range(len(records) + 1)}
        cut = data.draw(st.integers(0, len(stream)).filter(lambda size: size not in whole))  # noqa: B023
        found = []
        with pytest.raises(BadRecordError, match=r"frame \d+, at byte [\d,]+, is cut off"):
            found.extend(read(io.BytesIO(stream[:cut])))
        frame = sum(size < cut for size in whole)
        with pytest.raises(BadRecordError, match=f"frame {frame}, "):
            list(read(io.BytesIO(stream[:cut])))


@given(st.binary(min_size=12))
def test_noise_is_read_or_told_and_never_anything_else(noise: bytes) -> None:
    for read in (record_io, tf_records):
        try:
            list(read(io.BytesIO(noise)))
        except BadRecordError:
            continue


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (write_record_io([b"ab"]) + b"plain text", "frame 2, at byte 12, begins with 0x69616C70, not with the magic"),
        (record_io_part(2, b""), "frame 1, at byte 0, is part 2 of a record, which cannot stand before the first"),
        (record_io_part(1, b"") * 2, "frame 2, at byte 8, is part 1 of a record, which cannot stand after the first"),
        (record_io_part(5, b""), "frame 1, at byte 0, is part 5 of a record"),
        (record_io_part(1, b""), "frame 2, at byte 8, is missing: the stream ends between the parts"),
    ],
)
def test_what_is_no_record_io(stream: bytes, message: str) -> None:
    with pytest.raises(BadRecordError, match=f"not RecordIO: {message}"):
        list(record_io(io.BytesIO(stream)))


def test_what_is_no_tf_record() -> None:
    with pytest.raises(
        BadRecordError, match="not TFRecord: frame 1, at byte 0, has a length that its checksum contradi"
    ):
        list(tf_records(io.BytesIO(b"some text, which is none")))


def test_the_checksum_is_castagnolis() -> None:
    crc = 0xE3069283  # of "123456789", by RFC 3720's polynomial
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
