"""A folder is replaced whole, in place, and a copy needs nothing of its original."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.code.conftest import tree

from smc_core.code.folders import copy_folder, replace_content, staging
from smc_core.errors import CodeError


def test_a_staging_folder_lies_beside_and_is_gone_afterwards(tmp_path: Path) -> None:
    with staging(str(tmp_path / "new" / "code")) as stage:
        assert Path(stage).parent == tmp_path / "new"
        assert stat.S_IMODE(os.stat(stage).st_mode) == 0o700
        Path(stage, "x").write_text("x")
    assert os.listdir(tmp_path / "new") == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    (tmp_path / ".code.smc-left" / "deep").mkdir(parents=True)
    (tmp_path / ".code.other").mkdir()
    with staging(str(tmp_path / "code")) as first, staging(str(tmp_path / "code")) as second:
        expected = {".code.other", os.path.basename(first), os.path.basename(second)}
        assert set(os.listdir(tmp_path)) == expected
    assert os.listdir(tmp_path) == [".code.other"]


def test_nothing_can_be_staged_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CodeError, match="cannot be written: File exists"), staging(str(tmp_path / "file" / "code")):
        pass


def test_content_is_replaced_and_the_folder_stays(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "lib").mkdir(parents=True)
    (code / "old.py").write_text("old")
    inode = code.stat().st_ino
    for name in ("new", "old"):
        (tmp_path / "stage" / name).mkdir(parents=True)
    (tmp_path / "stage" / "new" / "train.py").write_text("new")
    replaced = replace_content(str(code), str(tmp_path / "stage" / "new"), str(tmp_path / "stage" / "old"))
    assert replaced == ("lib/", "old.py")
    assert tree(code) == {"train.py": b"new"}
    assert code.stat().st_ino == inode


def test_what_cannot_be_replaced_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, new, old = (tmp_path / name for name in ("code", "new", "old"))
    for folder in (code, new, old):
        folder.mkdir()
    for name in ("a.py", "b.py"):
        (code / name).write_text(f"old {name}")
    (new / "a.py").write_text("new")
    (new / "z.py").write_text("new")
    move = shutil.move

    def broken(source: str, target: str) -> None:
        if os.path.basename(source) == "z.py":
            raise OSError(28, "No space left on device", target)
        move(source, target)

    monkeypatch.setattr(shutil, "move", broken)
    with pytest.raises(OSError, match="No space left"):
        replace_content(str(code), str(new), str(old))
    assert tree(code) == {"a.py": b"old a.py", "b.py": b"old b.py"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_a_mount_point_is_filled_in_place(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("new")
    program = (
        "import os, sys; from smc_core.code.fetch.download import download\n"
        "open('code/baked.py', 'w').close(); os.makedirs('code/lost+found')\n"
        "download('source', 'code'); assert os.path.ismount('code')\n"
        "print(sorted(os.listdir('code')), sorted(os.listdir('.')))"
    )
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none code && exec "$@"', "sh", sys.executable, "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout == "['lost+found', 'train.py'] ['code', 'source']\n", ended.stderr


def test_a_copy_needs_nothing_of_its_original(tmp_path: Path) -> None:
    source, outside, copy = (tmp_path / name for name in ("source", "outside", "copy"))
    for folder in (source / "pkg", outside / "deep", copy):
        folder.mkdir(parents=True)
    (source / "train.py").write_text("train")
    (outside / "shared.py").write_text("shared")
    (outside / "deep" / "x.py").write_text("x")
    links = {
        "inside.py": "train.py",
        "pkg/up.py": "../train.py",
        "pkg/absolute.py": str(source / "train.py"),
        "pkg/through.py": f"../../{source.name}/train.py",
        "pkg/root": "..",
        "outside.py": str(outside / "shared.py"),
        "outside": "../outside",
        "nowhere": "gone.py",
    }
    for name, target in links.items():
        (source / name).symlink_to(target)
    size = copy_folder(str(source), str(copy))
    shared = {"outside.py": b"shared", "outside/shared.py": b"shared", "outside/deep/x.py": b"x"}
    assert tree(copy) == {
        "train.py": b"train", "inside.py": "train.py", "nowhere": "gone.py", "pkg/root": "..", **shared,
        **dict.fromkeys(("pkg/up.py", "pkg/absolute.py", "pkg/through.py"), "../train.py"),
    }  # fmt: skip
    assert size == len(b"train" + b"shared" * 2 + b"x")


def test_a_copy_keeps_permissions_but_no_special_ones(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    copy.mkdir()
    for name, mode in {"run.sh": 0o755, "secret": 0o400, "root": 0o6755}.items():
        (source / name).write_text(name)
        (source / name).chmod(mode)
    copy_folder(str(source), str(copy))
    assert {path.name: oct(path.stat().st_mode & 0o7777) for path in copy.iterdir()} == {
        "run.sh": "0o755", "secret": "0o600", "root": "0o755",
    }  # fmt: skip
    assert (copy / "run.sh").stat().st_mtime_ns == (source / "run.sh").stat().st_mtime_ns


def test_a_fifo_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "copy").mkdir()
    os.mkfifo(tmp_path / "source" / "pipe")
    with caplog.at_level(logging.WARNING):
        assert copy_folder(str(tmp_path / "source"), str(tmp_path / "copy")) == 0
    assert "pipe is skipped: it is neither a file nor a folder" in caplog.text


def test_links_that_lead_round_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "source" / "everything").symlink_to(tmp_path)
    with pytest.raises(CodeError, match="is a circular link"):
        copy_folder(str(tmp_path / "source"), str(tmp_path / "copy"))


def test_a_fan_of_links_is_counted_as_often_as_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty folders, each with two links to the next one: a million copies of one small file."""
    for number in range(20):
        (tmp_path / f"level{number}").mkdir()
        for name in ("a", "b"):
            (tmp_path / f"level{number}" / name).symlink_to(tmp_path / f"level{number + 1}")
    (tmp_path / "level20").mkdir()
    (tmp_path / "level20" / "data").write_bytes(bytes(1000))
    (tmp_path / "copy").mkdir()
    monkeypatch.setenv("SMC_MAX_ARCHIVE_FILES", "100")
    with pytest.raises(CodeError, match=r"level0 is refused: it has more than 100 files; set SMC_MAX_ARCHIVE_FILES"):
        copy_folder(str(tmp_path / "level0"), str(tmp_path / "copy"))
    monkeypatch.setenv("SMC_MAX_ARCHIVE_BYTES", "3_999")
    (tmp_path / "other").mkdir()
    with pytest.raises(CodeError, match=r"level18 is refused: it has more than 3,999 bytes; set SMC_MAX_ARCHIVE_BYTES"):
        copy_folder(str(tmp_path / "level18"), str(tmp_path / "other"))
