"""Every crash of the corpus is told well: its exit code and first line are what the file's header says.

A file in ``crashes/`` begins with comment lines, in any order:

    # exit: 1
    # first: ValueError: bad data (value_error.py:4, in load)
    # has: a text that the failure file holds        (any number of times)
    # has-not: a text that it does not hold          (likewise)
    # python: 3.11                                   (the oldest version it is for)
    # env: NAME=value                                (any number of times)

``*`` in ``first`` and ``has`` stands for any text. A ``.c`` file is compiled, and ``first`` may be left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

CRASHES = sorted((Path(__file__).parent / "crashes").iterdir())
_HEADER = re.compile(r"^(?:#|//) (exit|first|has|has-not|python|env): (.*)$")


def _header(path: Path) -> dict[str, list[str]]:
    header = defaultdict(list)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _HEADER.match(line):
            header[match[1]].append(match[2])
    return header


def _matches(pattern: str, text: str) -> bool:
    return re.search(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _place(path: Path, folder: Path) -> str:
    """Put the crash into the code folder; returns the entry point."""
    if path.suffix != ".c":
        shutil.copy(path, folder)
        (folder / path.name).chmod(0o755)
        return path.name
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    subprocess.run(["cc", "-O0", "-o", folder / path.stem, path], check=True)
    return path.stem


def test_corpus_is_large_enough():
    assert len(CRASHES) >= 40


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_crash(path, job):
    header = _header(path)
    if header["python"] and sys.version_info < tuple(map(int, header["python"][0].split("."))):
        pytest.skip(f"needs Python {header['python'][0]}")
    job.environ.update(pair.split("=", 1) for pair in header["env"])
    result = job.run(_place(path, job.code))

    assert result.code == int(header["exit"][0]), result.stderr.decode(errors="replace")
    assert not result.success
    assert result.failure is not None
    assert len(result.first_line) <= 200
    for first in header["first"]:
        assert _matches(f"\n{first}\n", f"\n{result.first_line}\n"), result.failure[:2000]
    for text in header["has"]:
        assert _matches(text, result.failure), result.failure[:2000]
    for text in header["has-not"]:
        assert not _matches(text, result.failure), result.failure[:2000]
    assert "process/script.py" not in result.failure
    if b"Fatal Python error" not in result.stderr:  # the fault handler lists every frame there is
        assert b"process/script.py" not in result.stderr


def test_the_labels_are_checked(job):
    """A corpus that would pass whatever the labels say proves nothing."""
    job.write("train.py", "raise ValueError('bad')")
    result = job.run("train.py")
    assert result.code == 1
    assert not _matches("\nKeyError: *\n", f"\n{result.first_line}\n")
