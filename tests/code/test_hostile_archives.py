"""What an archive costs grows with the archive and no faster: headers are bounded before anything parses them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.code.conftest import tar_bytes, tree

from smc_core.code.archive import headers
from smc_core.code.archive.extract import extract
from smc_core.code.archive.links import Links
from smc_core.errors import CodeError

END = bytes(1024)
ADDRESS_SPACE = 400 * 1024**2
CPU_SECONDS = 20


def header(name: str = "x", kind: bytes = b"0", size: int = 0, **parts: bytes) -> bytes:
    """A block with a checksum that is right; ``parts`` are bytes at an offset: ``_386=b"..."``."""
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    block = bytearray(made.tobuf(tarfile.GNU_FORMAT))
    for where, content in parts.items():
        block[int(where[1:]) : int(where[1:]) + len(content)] = content
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)
    return bytes(block)


def pax(records: bytes) -> bytes:
    return header("p", b"x", len(records)) + records + bytes(-len(records) % 512)


def long_links(count: int) -> bytes:
    """Symbolic links that go down through two thousand folders and up again."""
    target = (b"a/" * 2046 + b"..").ljust(4608, b"\0")
    return b"".join(header("k", b"K", 4095) + target + header(f"l{number}", b"2") for number in range(count))


def sparse_map(blocks: int) -> bytes:
    """An old sparse file whose map goes on in many blocks of 21 entries."""
    entries = b"".join(b"%011o\0%011o\0" % (number, 0) for number in range(1, 22))
    more = entries + b"\x01" + bytes(7)
    return header("s", b"S", 0, _386=entries[: 4 * 24], _482=b"\x01", _483=b"%011o\0" % 10) + more * blocks


def zip_index(entries: int, extra: bytes = b"") -> bytes:
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, len(extra), 0, 0, 0, 0, 0)
    index = (entry + b"a" + extra) * entries
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries & 0xFFFF, entries & 0xFFFF, len(index), 0, 0)
    return b"PK\x03\x04" + index + end


def zip_packed(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("zeros", bytes(5_000_000))
    return buffer.getvalue()


def xz(content: bytes, dictionary: int) -> bytes:
    return lzma.compress(content, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": dictionary}])


MEMBER = header("a", size=1) + b"x" + bytes(511)
HOSTILE = {
    "sparse pieces": lambda: (gzip.compress(sparse_map(2_500)), "a sparse file has too many pieces"),
    "sparse map in the content": lambda: (
        gzip.compress(pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + header(size=2**30) + b"99999999\n"
        + b"0\n0\n" * 500_000),
        "a sparse file has too many pieces",
    ),
    "sparse map without end": lambda: (
        pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + header(size=2**20) + b"9" * 2**20 + END,
        "is corrupt",
    ),
    "record of digits": lambda: (gzip.compress(pax(b"9" * 250_000) + MEMBER + END), "a number is malformed"),
    "records without end": lambda: (gzip.compress(pax(b"5 a=\n" * 50_000) * 20 + END), "names and headers"),
    "global headers": lambda: (gzip.compress(header("g", b"g") * 20_000), "names and headers"),
    "labels": lambda: (gzip.compress(header("v", b"V") * 20_000), "names and headers"),
    "long names": lambda: (gzip.compress((header("l", b"L", 4096) + b"n" * 4000 + bytes(96) + MEMBER) * 900), "File name too long"),
    "members": lambda: (gzip.compress(header("a") * 5_000), "has more than 4,000 files"),
    "xz": lambda: (xz(tar_bytes({"a": b"x"}, "w:"), 2**30), "more than 134,217,728 bytes of memory; set SMC_MAX_ARCHIVE_M"),
    "empty streams": lambda: (gzip.compress(b"") * 20_000, "is not a tar archive"),
    "gzip name": lambda: (b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 5_000_000, "is truncated"),
    "bzip2": lambda: (bz2.compress(header("z", size=2**40) + bytes(10_000_000)), "unpacks to more than"),
    "links": lambda: (gzip.compress(long_links(220) + END), "contains no files"),
    "zip index": lambda: (zip_index(4_100), "has more than 4,000 files"),
    "zip names": lambda: (zip_index(3_000, bytes(1000)), "names and headers have more than"),
    "zip extra fields": lambda: (zip_index(20, b"\1\0\0\0" * 16_000), "an entry of its index is too large"),
    "bzip2 in zip": lambda: (zip_packed(zipfile.ZIP_BZIP2), "create it with the deflate method"),
    "lzma in zip": lambda: (zip_packed(zipfile.ZIP_LZMA), "create it with the deflate method"),
}  # fmt: skip

PROGRAM = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]),) * 2)
from smc_core.code.archive.extract import extract
from smc_core.errors import CodeError
for name in sorted(os.listdir(sys.argv[1])):
    try:
        extract(os.path.join(sys.argv[1], name), os.path.join(sys.argv[1], "dst"), name=name, environ={"SMC_MAX_ARCHIVE_FILES": "4000"})
        told = "unpacked"
    except CodeError as error:
        told = str(error)
    print(json.dumps([name, told]), flush=True)
"""


def test_no_shape_of_header_takes_memory_or_time_beyond_its_size(tmp_path: Path) -> None:
    """One process with 400 MB of address space and 20 s of a processor unpacks them all."""
    expected = {}
    for name, make in HOSTILE.items():
        content, expected[name] = make()
        (tmp_path / name).write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path, str(ADDRESS_SPACE), str(CPU_SECONDS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = dict(json.loads(line) for line in ended.stdout.splitlines())
    wrong = {name: told.get(name, ended.stderr[-500:]) for name in HOSTILE if expected[name] not in told.get(name, "")}
    assert not wrong
    assert not [text for text in told.values() if len(text) > 300 or "\n" in text]


def test_a_link_that_goes_deeper_than_any_archive_is_left_out() -> None:
    """Each step takes as long as its place is deep, so endless ones would cost minutes."""
    way = "a/" * 1000 + "../" * 1000
    assert Links({("deep",): way + "b", ("fine",): "a/../b"}).inside() == {("fine",): "b"}


REMOVED = """
import shutil, sys
from smc_core.code.archive import extract, tars
from smc_core.errors import CodeError
read = tars.read_tar
def read_and_remove(path, compression, unpacked):
    try:
        read(path, compression, unpacked)
    finally:
        shutil.rmtree(sys.argv[2])  # as somebody else may
tars.read_tar = read_and_remove
try:
    extract.extract(sys.argv[1], sys.argv[2])
except CodeError as error:
    print(error)
"""


def test_cleaning_up_does_not_hide_the_first_error(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_bytes({"a.py": b"x" * 100, "b.py": b"y" * 100}, "w:")[:1200])
    arguments = [sys.executable, "-c", REMOVED, tmp_path / "a.tar", tmp_path / "dst"]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert "is truncated" in ended.stdout, ended.stderr


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
LETTERS = st.text(st.sampled_from("abcü日 .-_"), min_size=1, max_size=60).filter(lambda text: text.strip("./ ") == text)
PATHS = st.lists(LETTERS, min_size=1, max_size=5).map("/".join)
TIMES = st.one_of(st.integers(0, 2**34), st.floats(0, 2**33, allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMATS)),
    members=st.lists(
        st.tuples(PATHS, st.sampled_from([b"0", b"1", b"2", b"5"]), st.binary(max_size=700), TIMES), max_size=6
    ),
    mode=st.integers(0, 0o7777),
)
def test_headers_are_read_as_the_standard_library_reads_them(form: str, members: list, mode: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=FORMATS[form]) as archive:
        for name, kind, content, time in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = kind, mode, time if form == "pax" else int(time) % 8**11
            member.linkname = name[::-1] if kind in (b"1", b"2") else ""
            member.size = len(content) if kind == b"0" else 0
            try:
                archive.addfile(member, io.BytesIO(content))
            except ValueError:  # too long for ustar
                continue
    with tarfile.open(fileobj=io.BytesIO(buffer.getvalue())) as archive:
        expected = [(m.name, m.type, m.size, m.mode, float(m.mtime), m.linkname) for m in archive]
    assert [(h.name.rstrip("/"), h.type, h.size, h.mode, float(h.time), h.target) for h in read(buffer)] == expected


def read(archive: io.BytesIO) -> list[headers.Header]:
    """The headers of an archive, without its contents."""
    archive.seek(0)
    found, extended = [], headers.Extended()
    while any(block := archive.read(512)):
        one = headers.read_header(block)
        content = archive.read(-(-one.size // 512) * 512)[: one.size]
        if one.type == headers.LONG_NAME:
            extended.name = headers.read_text(content)
        elif one.type == headers.LONG_LINK:
            extended.target = headers.read_text(content)
        elif one.type == headers.PAX:
            extended.records = headers.read_records(content)
        else:
            headers.complete(one, extended.records, extended)
            found.append(one)
            extended = headers.Extended()
    return found


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(
    [b"12 path=abc\n", b"9", b" ", b"\n", b"=", b"11 path=ab\n", b"\0", b"5 a=\n", b"-1 a=b\n", "²".encode()]
)).map(b"".join)))  # fmt: skip
def test_records_are_whole_or_refused(data: bytes) -> None:
    try:
        found = headers.read_records(data)
    except ValueError:
        return
    for name, value in found.items():
        assert name + b"=" + value + b"\n" in data


@pytest.mark.parametrize("form", ["gnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "pax"])
def test_sparse_files_of_all_forms(tmp_path: Path, form: str) -> None:
    expected = bytearray(3_000_000)
    with open(tmp_path / "sparse", "wb") as file:
        for piece in range(30):
            file.seek(piece * 90_000 + 8192)
            file.write(b"piece %d" % piece)
            expected[file.tell() - len(b"piece %d" % piece) : file.tell()] = b"piece %d" % piece
        file.truncate(3_000_000)
    made = subprocess.run(
        ["tar", "-S", *f"--format={form}".split(), "-czf", "archive", "sparse"], cwd=tmp_path, check=True
    )
    assert made.returncode == 0
    extract(tmp_path / "archive", tmp_path / "dst")
    assert tree(tmp_path / "dst") == {"sparse": bytes(expected)}


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_streams_in_a_row_and_zeros_behind_them_are_one_archive(tmp_path: Path, kind: str) -> None:
    pack = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}[kind]
    plain = tar_bytes({"a.py": b"x" * 2000, "b.py": os.urandom(200_000)}, "w:")
    content = b"".join(pack(plain[begin : begin + 70_000]) for begin in range(0, len(plain), 70_000))
    (tmp_path / "a").write_bytes(content + bytes(64))
    assert extract(tmp_path / "a", tmp_path / "dst") == 202_000
    (tmp_path / "a").write_bytes(content + b"garbage")
    with pytest.raises(CodeError, match=r"is (corrupt|truncated)"):
        extract(tmp_path / "a", tmp_path / "other")
