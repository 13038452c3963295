"""What the user submitted is what lies in the code folder, whole, or nothing is changed."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.code.conftest import make_wheel, tar_bytes, tree, zip_bytes

from smc_core.code.fetch import http
from smc_core.code.fetch.download import Fetched, download, fetch
from smc_core.errors import CodeError, ConfigurationError
from smc_core.foreign import foreign_input

TRAIN = {"train.py": b"print('trained')\n"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("code.tar.gz", tar_bytes(TRAIN)),
        ("code.tgz", tar_bytes(TRAIN)),
        ("code.TAR.GZ", tar_bytes(TRAIN)),
        ("code.tar", tar_bytes(TRAIN, "w:")),
        ("code.tar.bz2", tar_bytes(TRAIN, "w:bz2")),
        ("code.tar.xz", tar_bytes(TRAIN, "w:xz")),
        ("code.zip", zip_bytes(TRAIN)),
        ("code.whl", zip_bytes(TRAIN)),
        ("zip-called.tar.gz", zip_bytes(TRAIN)),
        ("sourcedir", tar_bytes(TRAIN)),
    ],
)
@pytest.mark.parametrize("place", ["{}", "file://{}", "as a channel"])
def test_an_archive_is_unpacked(tmp_path: Path, code: Path, name: str, content: bytes, place: str) -> None:
    archive = tmp_path / "channel" / name
    archive.parent.mkdir()
    archive.write_bytes(content)
    url = str(archive.parent) if place == "as a channel" else place.format(archive)
    if place == "as a channel" and name == "sourcedir":
        (archive.parent / ".DS_Store").write_text("litter")
    assert download(url, code) == str(code)
    assert tree(code) == TRAIN


def test_a_folder_is_copied(tmp_path: Path, code: Path) -> None:
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg" / "train.py").write_text("train")
    assert download(source, code) == str(code)
    assert tree(code) == {"pkg/train.py": b"train"}


@pytest.mark.parametrize("name", ["train.py", "run.sh", "app.pyz", "model.gz", "data.npz", "binary"])
def test_any_other_file_is_put_into_the_folder(tmp_path: Path, code: Path, name: str) -> None:
    content = zip_bytes(TRAIN) if name.endswith(("z", "gz")) else b"#!/bin/sh\n"
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(0o755)
    assert download(tmp_path / name, code) == str(code)
    assert tree(code) == {name: content}
    assert os.access(code / name, os.X_OK)


def test_what_was_baked_in_is_replaced_whole_and_named(tmp_path: Path, code: Path) -> None:
    for name in ("train.py", "old.py", "lib/a.py"):
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text("baked")
    (tmp_path / "code.tar.gz").write_bytes(tar_bytes(TRAIN))
    fetched = fetch(str(tmp_path / "code.tar.gz"), str(code))
    assert tree(code) == TRAIN
    assert fetched.replaced == ("lib/", "old.py", "train.py")
    assert fetched.path == str(code)
    assert fetched.bytes == (tmp_path / "code.tar.gz").stat().st_size
    assert fetched.summary.endswith("s, replaces lib/, old.py, train.py")
    assert sorted(os.listdir(tmp_path / "ml")) == ["code"]


def test_a_long_list_of_what_was_replaced_is_cut() -> None:
    names = tuple(f"{number}.py" for number in range(9))
    assert Fetched("/c", "/s", names, 1.25, 1234).summary == (
        "/s, 1,234 bytes in 1.2 s, replaces 0.py, 1.py, 2.py, 3.py, 4.py and 4 more"
    )


@pytest.mark.parametrize("spelling", ["{}", "{}/", "file://{}", "{}/../code", "{}-link"])
def test_the_folder_itself_is_left_alone(code: Path, spelling: str) -> None:
    (code / "train.py").write_text("baked")
    (code.parent / "code-link").symlink_to(code)
    before = (code / "train.py").stat()
    url = spelling.format(code)
    assert download(url, code) == str(code)
    fetched = fetch(url, str(code))
    assert (fetched.path, fetched.bytes, fetched.replaced) == (str(code), 0, ())
    assert (code / "train.py").stat() == before


def test_a_link_to_a_folder_stays_one(tmp_path: Path, code: Path) -> None:
    (tmp_path / "link").symlink_to(code)
    (tmp_path / "train.py").write_text("x")
    assert download(tmp_path / "train.py", tmp_path / "link") == str(tmp_path / "link")
    assert tree(code) == {"train.py": b"x"}


def test_the_working_folder_may_be_replaced(tmp_path: Path, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code / "baked.py").write_text("x")
    (tmp_path / "train.py").write_text("x")
    monkeypatch.chdir(code)
    download("../../train.py", ".")
    assert os.listdir() == ["train.py"]


@pytest.mark.parametrize(
    ("members", "program", "inner"),
    [
        (["project-1.0/train.py"], None, "project-1.0"),
        (["project-1.0/train.py", "__MACOSX/x", "._project-1.0", ".DS_Store"], None, "project-1.0"),
        (["project-1.0/train.py", "README"], None, ""),
        (["train.py"], None, ""),
        (["a/b/train.py"], None, "a"),
        (["pkg/__init__.py", "pkg/train.py"], None, ""),
        (["pkg/__init__.py", "pkg/train.py"], "pkg/train.py", ""),
        (["pkg/__init__.py", "pkg/train.py"], "pkg.train", ""),
        (["pkg/__init__.py", "pkg/__main__.py"], "pkg", ""),
        (["pkg/__init__.py", "pkg/train.py"], "train.py", "pkg"),
        (["src/train.py"], "train.py", "src"),
        (["src/train.py"], "src/train.py", ""),
        (["src/train.py"], "other.py", "src"),
        (["project-1.0/pkg/train.py"], "pkg.train", "project-1.0"),
    ],
)
def test_one_folder_at_the_top_of_an_archive_is_looked_into(
    tmp_path: Path, code: Path, members: list[str], program: str | None, inner: str
) -> None:
    (tmp_path / "c.zip").write_bytes(zip_bytes(dict.fromkeys(members, b"x")))
    expected = str(code / inner) if inner else str(code)
    assert fetch(str(tmp_path / "c.zip"), str(code), program).path == expected
    if program is None:
        assert download(tmp_path / "c.zip", code) == expected


def test_one_folder_in_a_folder_is_looked_into_only_for_the_entry_point(tmp_path: Path, code: Path) -> None:
    (tmp_path / "source" / "src").mkdir(parents=True)
    (tmp_path / "source" / "src" / "train.py").write_text("x")
    assert fetch(str(tmp_path / "source"), str(code)).path == str(code)
    assert fetch(str(tmp_path / "source"), str(code), "train.py").path == str(code / "src")
    assert fetch(str(tmp_path / "source"), str(code), "src/train.py").path == str(code)


def test_a_wheel_brings_its_metadata(tmp_path: Path, code: Path) -> None:
    wheel = make_wheel(tmp_path, "my-training", "2.0", ["numpy>=1"])
    assert fetch(str(wheel), str(code), "my_training").path == str(code)
    assert (code / "my_training-2.0.dist-info" / "METADATA").is_file()


def test_the_archive_may_lie_in_the_folder_that_it_replaces(code: Path) -> None:
    (code / "sourcedir.tar.gz").write_bytes(tar_bytes(TRAIN))
    assert download(code / "sourcedir.tar.gz", code) == str(code)
    assert tree(code) == TRAIN


def test_a_digest_is_verified(tmp_path: Path, code: Path) -> None:
    content = tar_bytes(TRAIN)
    (tmp_path / "c.tar.gz").write_bytes(content)
    good = hashlib.sha512(content).hexdigest()
    assert download(f"file://{tmp_path}/c.tar.gz#sha512={good}", code) == str(code)
    with pytest.raises(CodeError, match="is not the expected file: its sha256 is "):
        download(f"file://{tmp_path}/c.tar.gz#sha256={'0' * 64}", code)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda p: None, "is neither a file nor a folder; {tmp} contains ml"),
        (lambda p: (p / "x").mkdir(), "x contains no files"),
        (lambda p: os.mkfifo(p / "x"), "is neither a file nor a folder"),
        (lambda p: (p / "x").symlink_to("gone"), "is neither a file nor a folder"),
    ],
    ids=["nothing", "empty folder", "FIFO", "dangling link"],
)
def test_what_is_no_code_is_refused_and_nothing_changes(tmp_path: Path, code: Path, prepare, message: str) -> None:
    (code / "train.py").write_text("baked")
    prepare(tmp_path)
    with pytest.raises(CodeError) as caught:
        download(tmp_path / "x", code)
    assert message.format(tmp=tmp_path) in str(caught.value)
    assert str(caught.value).count("\n") <= 1
    assert tree(code) == {"train.py": b"baked"}
    assert os.listdir(code.parent) == ["code"]


@pytest.mark.parametrize("name", ["x.7z", "x.rar", "x.tar.zst"])
def test_an_archive_of_an_unknown_kind_is_refused(tmp_path: Path, code: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"7z\xbc\xaf\x27\x1c")
    with pytest.raises(CodeError, match=r"unsupported kind; create a \.tar\.gz or a \.zip"):
        download(tmp_path / name, code)


def test_a_folder_that_holds_the_code_folder_is_refused(tmp_path: Path, code: Path) -> None:
    with pytest.raises(CodeError, match="is inside it"):
        download(tmp_path, code)


def test_a_file_is_no_code_folder(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("x")
    (tmp_path / "train.py").write_text("x")
    with pytest.raises(CodeError, match="is a file; code needs a folder"):
        download(tmp_path / "train.py", tmp_path / "code")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest shuts the one above ``tmp_path`` whenever another run of it begins."""
    with tempfile.TemporaryDirectory(prefix="smc-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_user_without_rights_above_the_code_folder_can_fill_it(open_folder: Path) -> None:
    code = open_folder / "ml" / "code"
    code.mkdir(parents=True)
    os.chown(code, 1234, 1234)
    (open_folder / "c.tar.gz").write_bytes(tar_bytes(TRAIN))
    program = (
        "import os; from smc_core.code.fetch.download import download\n"
        f"download('{open_folder}/c.tar.gz', '{open_folder}/first')  # has all that is needed imported\n"
        "os.setgroups([]); os.setgid(1234); os.setuid(1234)\n"
        f"print(download('{open_folder}/c.tar.gz', '{code}'))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == str(code), ended.stderr
    assert tree(code) == TRAIN


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
@pytest.mark.parametrize("options", ["ro", "size=64k"])
def test_a_disk_that_takes_no_more_is_named(tmp_path: Path, options: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "c.tar.gz").write_bytes(tar_bytes({"big.bin": os.urandom(200_000)}))
    program = (
        "import os, sys; from smc_core.code.fetch.download import download; from smc_core.errors import CodeError\n"
        "try: download('c.tar.gz', 'code')\n"
        "except CodeError as error: print(error, os.listdir('code'))"
    )
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} none code && exec "$@"', "sh", sys.executable, "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("Read-only file system" if options == "ro" else "No space left on device") in ended.stdout, ended.stderr
    assert ended.stdout.endswith("[]\n")


def test_importing_it_is_cheap() -> None:
    program = (
        "import sys; before = set(sys.modules); import smc_core.code.fetch.download, smc_core.code.needs.install\n"
        "print({'requests', 'tarfile', 'zipfile', 'obstore', 'packaging', 'subprocess', 'urllib3'} & set(sys.modules) - before)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_an_xz_archive_of_two_streams_is_whole(tmp_path: Path, code: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:") as archive:
        header = tarfile.TarInfo("train.py")
        header.size = 3
        archive.addfile(header, io.BytesIO(b"abc"))
    half = plain.getvalue()[:700], plain.getvalue()[700:]
    (tmp_path / "c.tar.xz").write_bytes(b"".join(map(lzma.compress, half)))
    download(tmp_path / "c.tar.xz", code)
    assert tree(code) == {"train.py": b"abc"}


SOURCES = [
    "-" * 20_000, "http://[::1/", "http://" + "a" * 70_000, "http://host:port/", "http://ho st/", "http://a..b/",
    "http://%00/", "s3://a/" + "k" * 5000, "s3://" + "b" * 5000 + "/k", "file://" + "/x" * 50_000, "file://[::1/x",
    "file://host/x", "a" * 300, "~" * 4000, "ftp://" + "x" * 4000, "://", "http://127.0.0.1:99999/", "http://h/#sha256=\u00b2",
    "/dev/null", "http://user:secret-word@[/x?secret-word",
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source[:20])
def test_whatever_the_source_is_its_error_is_a_line_about_the_code(
    code: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(http, "LONGEST_PAUSE_SECONDS", 0.001)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.chdir(code.parent)
    with pytest.raises(CodeError) as caught:
        fetch(source, str(code), "train.py")
    assert len(str(caught.value)) < 1300
    assert "\n" not in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_what_nobody_foresaw_is_an_error_of_what_is_read() -> None:
    with pytest.raises(CodeError, match="the code cannot be read: ZeroDivisionError: division by zero") as caught:
        _divide()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    for passes in (MemoryError(), OSError(28, "No space left on device"), CodeError("known")):
        with pytest.raises(type(passes)) as same, foreign_input(ConfigurationError, "it"):
            raise passes
        assert same.value is passes


@foreign_input(CodeError, "the code")
def _divide() -> float:
    return 1 / 0
