"""A target that cannot be run says what it is; what may not be looked into is not guessed at."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from smc_core.code.archive.formats import ARCHIVE_SUFFIXES
from smc_core.errors import CodeError
from smc_core.local.request import Request
from smc_core.local.target import Code, find_code

FIND_AS_ANOTHER_USER = """
import difflib, os, sys  # all that is needed, while it can be read
from smc_core.errors import CodeError
from smc_core.local.request import Request
from smc_core.local.target import find_code
os.setgroups([]); os.setgid(1234); os.setuid(1234)
try: find_code(Request(sys.argv[1]))
except CodeError as error: print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize(
    ("mode", "message"), [(0o700, "{} cannot be read: Permission denied"), (0o711, "there is no {}")]
)
def test_code_in_a_folder_without_rights(mode: int, message: str) -> None:
    with tempfile.TemporaryDirectory(prefix="smc-test-") as folder:
        os.chmod(folder, mode)
        target = f"{folder}/train.py"
        command = [sys.executable, "-c", FIND_AS_ANOTHER_USER, target]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout == message.format(target) + "\n", ended.stderr


@pytest.mark.parametrize("suffix", [*ARCHIVE_SUFFIXES, ".TGZ"])
def test_every_archive_that_can_be_unpacked_is_a_target(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"code{suffix}"
    target.touch()
    assert find_code(Request(str(target))) == Code("train.py", None, str(target))


def test_an_archive_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "code.7z").touch()
    with pytest.raises(CodeError, match="is an archive of an unsupported kind"):
        find_code(Request(str(tmp_path / "code.7z")))


def test_a_pipe_is_not_taken_for_a_name_that_was_misspelt(desk) -> None:
    os.mkfifo(desk.folder / "fifo")
    ended = desk.smc("run", "fifo")
    assert ended.exit_code == 4
    assert f"{desk.folder}/fifo is neither a file nor a folder; smc run takes a file, a folder" in ended.stderr


def test_a_link_to_nowhere_says_where_it_leads(desk) -> None:
    (desk.folder / "train.py").symlink_to("absent.py")
    ended = desk.smc("run", "train.py")
    assert ended.exit_code == 4
    assert f"{desk.folder}/train.py is a link to absent.py, which does not exist" in ended.stderr


def test_a_path_below_a_file_is_not_there(desk) -> None:
    desk.write("train.py")
    ended = desk.smc("run", "train.py/train.py")
    assert (ended.exit_code, ended.stderr) == (4, f"smc: error: there is no {desk.folder}/train.py/train.py\n")
