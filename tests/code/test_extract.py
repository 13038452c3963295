"""An archive is unpacked as if it were hostile: nothing leaves the folder, nothing is made but files and links."""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import stat
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.code.conftest import tar_bytes, tree, zip_bytes

from smc_core.code.archive.extract import extract
from smc_core.code.archive.formats import ARCHIVE_SUFFIXES
from smc_core.errors import CodeError, ConfigurationError

Member = tuple[str, bytes, "str | bytes"]
"""Name, type of tar, and content or target."""

SYM, HARD, DIR, FILE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.REGTYPE


def make_tar(*members: Member, **fields: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, content in members:
            header = tarfile.TarInfo(name)
            header.type = kind
            for field, value in fields.items():
                setattr(header, field, value)
            if isinstance(content, str):
                header.linkname = content
                content = b""
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def make_zip(*members: Member) -> bytes:
    buffer = io.BytesIO()
    kinds = {SYM: stat.S_IFLNK | 0o777, DIR: stat.S_IFDIR | 0o755, FILE: stat.S_IFREG | 0o644}
    kinds |= {tarfile.FIFOTYPE: stat.S_IFIFO | 0o644, tarfile.CHRTYPE: stat.S_IFCHR | 0o644}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, kind, content in members:
            header = zipfile.ZipInfo("x")
            header.filename = name  # the constructor would make a Windows path a harmless one
            header.external_attr = kinds[kind] << 16
            header.create_system = 3
            archive.writestr(header, content)
    return buffer.getvalue()


def unpack(tmp_path: Path, content: bytes, **environ: str) -> Path:
    (tmp_path / "archive").write_bytes(content)
    extract(tmp_path / "archive", tmp_path / "dst", name="a.tar", environ=environ)
    return tmp_path / "dst"


def refused(tmp_path: Path, content: bytes, message: str, **environ: str) -> None:
    """The archive is refused with this message, and leaves nothing behind, inside or outside."""
    before = tree(tmp_path)
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(CodeError) as caught:
        extract(tmp_path / "archive", tmp_path / "dst", name="a.tar", environ=environ)
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.tar ")
    assert "\n" not in str(caught.value)
    os.unlink(tmp_path / "archive")
    assert tree(tmp_path) == before
    assert os.listdir(tmp_path / "dst") == []


ESCAPES = {
    "absolute": ([("/tmp/smc-escaped", FILE, b"x")], "absolute path"),
    "absolute folder": ([("/tmp/smc-escaped/", DIR, b"")], "absolute path"),
    "..": ([("../escaped", FILE, b"x")], "leads outside (..)"),
    ".. inside": ([("a/../../escaped", FILE, b"x")], "leads outside (..)"),
    ".. that stays": ([("a/../b", FILE, b"x")], "leads outside (..)"),
    "only ..": ([("..", DIR, b"")], "leads outside (..)"),
    "backslashes": ([("..\\escaped", FILE, b"x")], "leads outside (..)"),
    "mixed slashes": ([("a\\..\\../escaped", FILE, b"x")], "leads outside (..)"),
    "drive": ([("C:\\escaped", FILE, b"x")], "absolute path"),
    "drive without slash": ([("c:escaped", FILE, b"x")], "absolute path"),
    "network share": ([("\\\\server\\share\\x", FILE, b"x")], "absolute path"),
    "file through a link outside": ([("l", SYM, "/etc"), ("l/passwd", FILE, b"x")], "which is a link"),
    "folder through a link outside": ([("l", SYM, ".."), ("l/x/", DIR, b"")], "which is a link"),
    "link through a link outside": ([("l", SYM, ".."), ("l/x", SYM, "y")], "which is a link"),
    "link outside in place of a folder": ([("l/x", FILE, b"x"), ("l", SYM, "/etc")], "is a folder too"),
    "link to nothing": ([("l", SYM, "x" * 5000)], "empty, unreadable or endless target"),
    "file through a link": ([("l", SYM, "."), ("l/x", FILE, b"x")], "which is a link"),
    "file in place of a link": ([("l", SYM, "x"), ("l", FILE, b"x")], "is a link too"),
    "link in place of a file": ([("l", FILE, b"x"), ("l", SYM, "x")], "both a file and a link"),
    "folder in place of a link": ([("l", SYM, "x"), ("l", DIR, b""), ("l/x", FILE, b"x")], "which is a link"),
    "link in place of a folder": ([("l/x", FILE, b"x"), ("l", SYM, "x")], "is a folder too"),
    "chained links": ([("a", SYM, "b"), ("b", SYM, ".."), ("a/x", FILE, b"x")], "which is a link"),
    "chained links, written through": ([("d/a", SYM, "."), ("d/a/b", SYM, ".."), ("x", FILE, b"")], "which is a link"),
    "file as a folder": ([("f", FILE, b"x"), ("f/x", FILE, b"x")], "which is a file"),
    "folder as a file": ([("f/x", FILE, b"x"), ("f", FILE, b"x")], "is a folder too"),
    "name of the folder": ([("./", FILE, b"x"), (".", SYM, "x")], ""),
    "too deep": ([("a/" * 101 + "x", FILE, b"x")], "more than 100 folders deep"),
    "too long": ([("x" * 300, FILE, b"x")], "File name too long"),
}
TAR_ESCAPES = {
    "hard link outside": ([("l", HARD, "../../etc/passwd")], "leads outside"),
    "absolute hard link": ([("l", HARD, "/etc/passwd")], "absolute path"),
    "hard link to nothing": ([("l", HARD, "gone")], "not an earlier file"),
    "hard link to a link": ([("s", SYM, "x"), ("l", HARD, "s")], "not an earlier file"),
    "hard link to a folder": ([("d", DIR, b""), ("l", HARD, "d")], "not an earlier file"),
    "hard link through a link": ([("d", SYM, "."), ("l", HARD, "d/x")], "not an earlier file"),
    "device": ([("null", tarfile.CHRTYPE, b"")], "is a device"),
    "block device": ([("sda", tarfile.BLKTYPE, b"")], "is a device"),
    "FIFO": ([("pipe", tarfile.FIFOTYPE, b"")], "is a FIFO"),
    "unknown type": ([("x", b"Z", b"")], "unknown type"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", ESCAPES)
@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_no_member_leaves_the_folder(tmp_path: Path, make, case: str) -> None:
    members, message = ESCAPES[case]
    refused(tmp_path, make(("train.py", FILE, b"innocent"), *members), message)
    assert not os.path.lexists("/tmp/smc-escaped")


@pytest.mark.parametrize("case", TAR_ESCAPES)
def test_no_hard_link_leaves_the_folder_and_nothing_special_is_made(tmp_path: Path, case: str) -> None:
    members, message = TAR_ESCAPES[case]
    refused(tmp_path, make_tar(("train.py", FILE, b"innocent"), *members), message)


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_nothing_special_is_made_from_a_zip(tmp_path: Path, kind: bytes) -> None:
    refused(tmp_path, make_zip(("x", kind, b"")), "neither a file, a folder nor a link")


def test_letter_cases_do_not_lead_outside(tmp_path: Path) -> None:
    """On a disk that ignores case ``A/x`` would be written through ``a``; links are made after all files."""
    dst = unpack(tmp_path, make_tar(("a", SYM, "sub"), ("A/x", FILE, b"x"), ("sub/y", FILE, b"y")))
    assert tree(dst) == {"A/x": b"x", "a": "sub", "sub/y": b"y"}


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_links_that_stay_inside_are_made(tmp_path: Path, make) -> None:
    links = {"a/b/up": "../../train.py", "a/same": "b", "top": "a/b", "dangling": "gone"}
    dst = unpack(tmp_path, make(("train.py", FILE, b"x"), ("a/b/", DIR, b""), *((n, SYM, t) for n, t in links.items())))
    assert tree(dst) == {"train.py": b"x", **links}


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_links_that_stay_inside_by_way_of_a_folder_above_are_made(tmp_path: Path, make) -> None:
    links = {
        "a/b/round": "../../a/../a/./c",
        "a/self": "b/..",
        "through": "a/b/down/../../train.py",
        "a/b/down": "../c",
    }
    members = [("train.py", FILE, b"x"), ("a/b/", DIR, b""), ("a/c/", DIR, b"")]
    dst = unpack(tmp_path, make(*members, *((n, SYM, t) for n, t in links.items())))
    assert tree(dst) == {
        "train.py": b"x", "a/b/round": "../c", "a/self": ".", "through": "train.py", "a/b/down": "../c",
    }  # fmt: skip
    assert (dst / "through").read_bytes() == b"x"


OUTSIDE = ["/usr/bin/python3", "../x", "a/../../x", "..\\x", "C:/x", "a/up/../../x", "loop/..", "a/out/.."]


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_links_that_lead_outside_are_left_out_with_one_line(
    tmp_path: Path, make, caplog: pytest.LogCaptureFixture
) -> None:
    members = [("train.py", FILE, b"x"), ("a/up", SYM, ".."), ("loop", SYM, "loop/x"), ("a/out", SYM, "/etc")]
    links = [(f"l{number}", SYM, target) for number, target in enumerate(OUTSIDE)]
    dst = unpack(tmp_path, make(*members, *links))
    assert tree(dst) == {"train.py": b"x", "a/up": "..", "loop": "loop/x"}
    assert caplog.messages == [
        "a.tar: skipped links that lead outside: 'a/out -> /etc', 'l0 -> /usr/bin/python3', 'l1 -> ../x' and 6 more"
    ]


def test_an_archive_of_nothing_but_links_outside_holds_no_files(tmp_path: Path) -> None:
    refused(tmp_path, make_tar(("l", SYM, "/etc")), "contains no files")


def test_a_hard_link_is_the_same_file(tmp_path: Path) -> None:
    dst = unpack(tmp_path, make_tar(("a.py", FILE, b"x"), ("d/b.py", HARD, "./a.py"), ("a.py", HARD, "a.py")))
    assert tree(dst) == {"a.py": b"x", "d/b.py": b"x"}


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_with_one_name_the_later_counts(tmp_path: Path, make) -> None:
    dst = unpack(tmp_path, make(("a.py", FILE, b"old, longer"), ("./a.py", FILE, b"new")))
    assert tree(dst) == {"a.py": b"new"}


def test_a_later_file_does_not_write_into_a_hard_link(tmp_path: Path) -> None:
    dst = unpack(tmp_path, make_tar(("a", FILE, b"a"), ("b", HARD, "a"), ("b", FILE, b"new")))
    assert tree(dst) == {"a": b"a", "b": b"new"}


def test_permissions_are_kept_but_no_special_ones(tmp_path: Path) -> None:
    for mode, expected in {0o6755: 0o755, 0o777: 0o755, 0o400: 0o600, 0: 0o600, 0o1644: 0o644}.items():
        folder = tmp_path / oct(mode)
        folder.mkdir()
        dst = unpack(folder, make_tar(("run.sh", FILE, b"x"), mode=mode, mtime=1_000_000_000))
        assert oct(stat.S_IMODE((dst / "run.sh").stat().st_mode)) == oct(expected)
        assert (dst / "run.sh").stat().st_mtime == 1_000_000_000
        assert (dst / "run.sh").stat().st_uid == os.geteuid()


@pytest.mark.parametrize("mtime", [0, 100_000_000, 2**34])
def test_a_time_that_breaks_tools_is_not_kept(tmp_path: Path, mtime: int) -> None:
    """Archives made to be reproducible have the time 0, and wheels cannot be built of such files."""
    dst = unpack(tmp_path, make_tar(("a", FILE, b"x"), mtime=mtime))
    assert abs((dst / "a").stat().st_mtime - time.time()) < 3600


def test_a_folder_without_rights_can_still_be_filled(tmp_path: Path) -> None:
    dst = unpack(tmp_path, make_tar(("d", DIR, b""), ("d/x", FILE, b"x"), mode=0))
    assert tree(dst) == {"d/x": b"x"}


def test_a_zip_made_on_windows_has_folders(tmp_path: Path) -> None:
    dst = unpack(tmp_path, make_zip(("pkg\\train.py", FILE, b"x"), ("empty\\", DIR, b"")))
    assert tree(dst) == {"pkg/train.py": b"x"}


def test_names_of_any_language_survive(tmp_path: Path) -> None:
    for number, make in enumerate((make_tar, make_zip)):
        (tmp_path / str(number)).mkdir()
        dst = unpack(tmp_path / str(number), make(("日本 ü\n.py", FILE, b"x")))
        assert tree(dst) == {"日本 ü\n.py": b"x"}


LIMITS = {
    "bytes": ({"SMC_MAX_ARCHIVE_BYTES": "1_000"}, "unpacks to more than 1,000 bytes; set SMC_MAX_ARCHIVE_BYTES"),
    "files": ({"SMC_MAX_ARCHIVE_FILES": "5"}, "has more than 5 files; set SMC_MAX_ARCHIVE_FILES"),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("make", [lambda m: tar_bytes(m), zip_bytes], ids=["tar", "zip"])
def test_a_bomb_is_refused(tmp_path: Path, make, limit: str) -> None:
    environ, message = LIMITS[limit]
    refused(tmp_path, make({f"{n}.bin": b"\0" * 200 for n in range(9)}), message, **environ)
    extract(_write(tmp_path, make({"a": b"\0" * 1000})), tmp_path / "dst", environ=environ)


def _write(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "archive").write_bytes(content)
    return tmp_path / "archive"


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte: refused from the header on, and also behind the archive's end."""
    header = tarfile.TarInfo("zeros")
    header.size = 2**30
    inside = gzip.compress(header.tobuf() + b"\0" * 10_000)
    refused(tmp_path, inside, "unpacks to more than", SMC_MAX_ARCHIVE_BYTES="1000000")
    behind = gzip.compress(make_tar(("a", FILE, b"x")) + b"\0" * 30_000_000)
    refused(tmp_path, behind, "unpacks to more than", SMC_MAX_ARCHIVE_BYTES="1000", SMC_MAX_ARCHIVE_FILES="9")


def test_folders_that_no_member_names_count_too(tmp_path: Path) -> None:
    refused(tmp_path, tar_bytes({"a/b/c/d/e/f.py": b""}), "has more than 5 files", SMC_MAX_ARCHIVE_FILES="5")


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"zeros": b"\0" * 100_000}))
    for where in (content.find(b"PK\x03\x04") + 22, content.find(b"PK\x01\x02") + 24):
        struct.pack_into("<I", content, where, 10)
    refused(tmp_path, bytes(content), "a.tar is ")


def test_a_member_with_a_gigantic_extended_header_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**31
    refused(tmp_path, header.tobuf() + b"\0" * 1024, "impossible size")


def test_a_sparse_bomb_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("sparse")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"%011o\0" % (2**32)
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)
    refused(tmp_path, bytes(block) + b"\0" * 1024, "unpacks to more than", SMC_MAX_ARCHIVE_BYTES="1000000")


def test_a_sparse_file_is_unpacked(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.seek(2_000_000)
        file.write(b"end")
    os.system(f"cd {tmp_path} && tar -Sczf archive sparse && rm sparse")
    content = (tmp_path / "archive").read_bytes()
    assert len(content) < 10_000
    assert tree(unpack(tmp_path, content))["sparse"] == b"\0" * 2_000_000 + b"end"


@pytest.mark.parametrize("name", ["SMC_MAX_ARCHIVE_BYTES", "SMC_MAX_ARCHIVE_FILES"])
@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_a_limit_that_is_no_number_is_an_error(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"variable {name} is '{value}'"):
        unpack(tmp_path, tar_bytes({"a": b""}), **{name: value})


def test_nothing_is_unpacked_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "mine").write_text("x")
    with pytest.raises(CodeError, match="is not empty"):
        unpack(tmp_path, tar_bytes({"a": b""}))
    assert os.listdir(tmp_path / "dst") == ["mine"]


SOURCE = {f"file{number}.py": random.Random(number).randbytes(3000) for number in range(5)}
FORMATS = {
    "tar": tar_bytes(SOURCE, "w:"),
    "gzip": tar_bytes(SOURCE),
    "bzip2": tar_bytes(SOURCE, "w:bz2"),
    "xz": tar_bytes(SOURCE, "w:xz"),
    "zip": zip_bytes(SOURCE),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.6, 0.95])
def test_a_truncated_archive_is_called_so(tmp_path: Path, kind: str, part: float) -> None:
    content = FORMATS[kind]
    end = len(content) if kind != "tar" else 5 * (512 + 3072)
    refused(tmp_path, content[: int(end * part)], "is truncated")


def test_a_tar_archive_that_ends_between_two_files_is_truncated(tmp_path: Path) -> None:
    refused(tmp_path, FORMATS["tar"][: 512 + 3072], "is truncated: its end is missing")


def test_a_broken_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    content = bytearray(FORMATS["tar"])
    content[512 + 3072 + 5] ^= 0xFF
    refused(tmp_path, bytes(content), "is corrupt: it has a broken header")


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip"])
def test_a_corrupt_archive_is_called_so(tmp_path: Path, kind: str) -> None:
    content = bytearray(FORMATS[kind])
    content[len(content) // 2] ^= 0xFF
    refused(tmp_path, bytes(content), "is corrupt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: it has no bytes"),
        (b"<html>login</html>", "is not an archive"),
        (gzip.compress(b"print('no tar')"), "is not a tar archive"),
        (gzip.compress(b""), "is not a tar archive"),
        (gzip.compress(b"x" * 5000), "is not a tar archive"),
        (tar_bytes({}), "contains no files"),
        (zip_bytes({}), "contains no files"),
        (zip_bytes({"folder/": b""}), "contains no files"),
    ],
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    refused(tmp_path, content, message)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"a": b"x"}))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    refused(tmp_path, bytes(content), "is encrypted")


def test_a_volume_label_is_no_file(tmp_path: Path) -> None:
    assert tree(unpack(tmp_path, make_tar(("label", b"V", b""), ("a", FILE, b"x")))) == {"a": b"x"}


NAMES = st.lists(st.sampled_from(["a", "b", "A", "..", ".", "", "c:", "a\\b", "x" * 20]), min_size=1, max_size=4).map(
    "/".join
)
KINDS = st.sampled_from([FILE, DIR, SYM, HARD, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"])
MEMBERS = st.lists(st.tuples(NAMES, KINDS, st.one_of(NAMES, st.binary(max_size=20))), max_size=8)
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check_anything(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever the bytes are: all lands inside, or the archive is refused and leaves nothing."""
    tmp_path = tmp_path_factory.mktemp("fuzz")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "archive").write_bytes(content)
    dst = tmp_path / "deep" / "dst"
    limits = {"SMC_MAX_ARCHIVE_BYTES": "100000", "SMC_MAX_ARCHIVE_FILES": "50"}
    try:
        extract(tmp_path / "archive", dst, environ=limits)
    except CodeError as error:
        message = str(error)
        assert "\n" not in message
        assert os.listdir(dst) == []
    for folder, folders, files in os.walk(dst):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
            assert stat.S_ISLNK(mode) or not mode & 0o7022
            assert os.path.realpath(path).startswith(f"{os.path.realpath(dst)}")
    assert sorted(os.listdir(tmp_path)) == ["archive", "deep", "outside"]
    assert os.listdir(tmp_path / "deep") == ["dst"]
    assert tree(tmp_path / "outside") == {"secret": b"secret"}


@FUZZ
@given(members=MEMBERS)
@example(members=[("a", SYM, "b"), ("b", SYM, "a"), ("c", SYM, "a/x")])
@example(members=[("a/b", SYM, ".."), ("c", SYM, "a/b/../..")])
def test_any_tar_archive(tmp_path_factory: pytest.TempPathFactory, members: list[Member]) -> None:
    fixed = [
        (n, k, c if isinstance(c, str) == (k in (SYM, HARD)) else (b"x" if k not in (SYM, HARD) else "a"))
        for n, k, c in members
    ]
    check_anything(tmp_path_factory, make_tar(*fixed))


@FUZZ
@given(members=MEMBERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_zip_archive(tmp_path_factory: pytest.TempPathFactory, members: list[Member]) -> None:
    known = [(n, k, c) for n, k, c in members if n and k in (FILE, DIR, SYM, tarfile.FIFOTYPE, tarfile.CHRTYPE)]
    check_anything(tmp_path_factory, make_zip(*known))


@FUZZ
@given(
    kind=st.sampled_from(sorted(FORMATS)),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=6),
    end=st.floats(0.01, 1),
)
def test_any_damage(
    tmp_path_factory: pytest.TempPathFactory, kind: str, changes: list[tuple[float, int]], end: float
) -> None:
    content = bytearray(FORMATS[kind])
    for where, change in changes:
        content[int(where * len(content))] ^= change
    check_anything(tmp_path_factory, bytes(content[: int(len(content) * end)]))


@FUZZ
@given(block=st.binary(min_size=512, max_size=512), where=st.integers(0, 3), pax=st.binary(max_size=60))
def test_any_header(tmp_path_factory: pytest.TempPathFactory, block: bytes, where: int, pax: bytes) -> None:
    """Headers of any content with a checksum that is right, so that they are read."""
    forged = bytearray(block)
    forged[257:265] = random.Random(where).choice([b"ustar\x0000", b"ustar  \x00"])
    forged[156:157] = bytes([random.Random(where + len(pax)).choice(b"05xgLKS12")])
    forged[124:136] = b"%011o\0" % len(pax)
    forged[148:156] = b"%06o\0 " % (sum(forged[:148]) + sum(forged[156:]) + 256)
    record = pax.ljust(512, b"\0") if pax else b""
    parts = [make_tar(("a", FILE, b"x"))[:1024], bytes(forged) + record, make_tar(("b", FILE, b"y"))]
    check_anything(tmp_path_factory, b"".join(parts))


def test_the_page_has_every_kind_of_archive() -> None:
    page = Path(__file__).parents[2] / "docs/how-to/code-from-s3.md"
    sentence = re.search(
        r"^Archives are ([^;]*?) and (\S+)\. If an archive", page.read_text(), re.MULTILINE | re.DOTALL
    )
    assert sentence is not None
    assert sorted(re.findall(r"`(\S+)`", " ".join(sentence.groups()))) == sorted(ARCHIVE_SUFFIXES)
