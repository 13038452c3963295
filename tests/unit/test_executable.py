"""How a program that is not Python is started, and what is said of one that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smc_core.errors import CodeError
from smc_core.executable import executable_argv


def write(path: Path, content: bytes, mode: int = 0o644) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "argv"),
    [
        ("run.sh", b"#!/bin/bash -e\n", ["/bin/bash", "-e"]),
        ("run.sh", b"echo\n", ["/bin/sh"]),
        ("go", b"#!/usr/bin/env python3\n", ["/usr/bin/env", "python3"]),
        ("go", b"#!/usr/bin/env python3\r\nprint(1)\r\n", ["/usr/bin/env", "python3"]),  # to Python these are lines
        ("train.R", b"#!/usr/bin/env Rscript\n", ["/usr/bin/env", "Rscript"]),
        ("packed.sh", b"#!/bin/sh\nexit 0\n\x1f\x8b\x08\0\0\r\n", ["/bin/sh"]),  # carries an archive behind its lines
    ],
)
def test_programs_start_without_a_shell_in_between(tmp_path: Path, name: str, content: bytes, argv: list[str]) -> None:
    path = write(tmp_path / name, content)
    assert executable_argv(path) == [*argv, path]


def test_a_binary_must_be_executable(tmp_path: Path) -> None:
    path = write(tmp_path / "program", b"\x7fELF")
    with pytest.raises(CodeError, match="chmod"):
        executable_argv(path)
    os.chmod(path, 0o755)
    assert executable_argv(path) == [path]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("run.sh", b"echo 1\r\necho 2\r\n", 1),
        ("run.sh", b"#!/bin/sh\n\necho 2\r\n", 3),
        ("run", b"#!/usr/bin/env bash\r\necho\r\n", 1),
        ("run", b"#!/bin/dash -e\r\n", 1),
    ],
)
def test_a_shell_script_with_windows_line_endings_is_refused(
    tmp_path: Path, name: str, content: bytes, line: int
) -> None:
    path = write(tmp_path / name, content, 0o755)
    with pytest.raises(CodeError, match=rf"{name} has Windows line endings \(CRLF\), first in line {line}: "):
        executable_argv(path)


@pytest.mark.parametrize("mode", [0o644, 0o755])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "train.ipynb",
            r"is a notebook, .*: convert it with jupyter nbconvert --to script train\.ipynb, and name train\.py",
        ),
        ("train.R", "is R without an interpreter line: begin it with #!/usr/bin/env Rscript"),
        ("train.r", "is R without"),
        ("train.jl", "is Julia without an interpreter line: begin it with #!/usr/bin/env julia"),
        ("train.cu", "is source code that has to be compiled"),
        ("config.yaml", "is not a program"),
        ("train.exe", "is a Windows program"),
        ("Code.TGZ", "is an archive, not a program: submit it as the code"),
    ],
)
def test_what_is_no_program_is_named(tmp_path: Path, name: str, told: str, mode: int) -> None:
    path = write(tmp_path / name, b"print(1)\n", mode)
    with pytest.raises(CodeError, match=told):
        executable_argv(path)


def test_an_interpreter_line_without_a_program(tmp_path: Path) -> None:
    with pytest.raises(CodeError, match="line 1: the interpreter line names no program"):
        executable_argv(write(tmp_path / "run", b"#! \n"))
