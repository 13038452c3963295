"""How to start an entry point that is not Python: by its interpreter line, and never through a shell."""

from __future__ import annotations

import os
import re

from smc_core.errors import CodeError

_SHELL_SUFFIXES = (".sh", ".bash")
_SHELL = re.compile(rb"#![^\r\n]*\b(?:a|ba|da|k|mk|z)?sh\b")
_ELF = b"\x7fELF"
_SCRIPT_BYTES = 1 << 20
"""Bytes of a shell script that are checked; anything after them is an embedded payload."""
_INTERPRETERS = {
    ".jl": ("Julia", "julia"),
    ".js": ("JavaScript", "node"),
    ".lua": ("Lua", "lua"),
    ".pl": ("Perl", "perl"),
    ".r": ("R", "Rscript"),
    ".rb": ("Ruby", "ruby"),
}
"""Suffix → the language, and the program for its interpreter line."""
_SOURCES = frozenset({".c", ".cc", ".cpp", ".cu", ".go", ".java", ".rs"})
_WINDOWS = frozenset({".bat", ".cmd", ".exe", ".ps1"})
_DATA = frozenset({".cfg", ".csv", ".ini", ".json", ".md", ".toml", ".txt", ".yaml", ".yml"})


def executable_argv(path: str) -> list[str]:
    """The argument list that starts a program directly, not through a shell.

    A file with an interpreter line is started by that interpreter, so that it needs no executable bit; a ``.sh``
    without one is started by ``/bin/sh``; anything else must itself be executable.

    Args:
        path: the file, absolute.

    Raises:
        CodeError: it is neither, it cannot be read, or it is a shell script with Windows line endings.

    """
    try:
        with open(path, "rb") as file:
            head = file.read(_SCRIPT_BYTES)
    except OSError as error:
        raise CodeError.of_reading(path, error) from error
    is_shell_script = path.endswith(_SHELL_SUFFIXES)
    if is_shell_script or _SHELL.match(head):
        _refuse_windows_lines(path, head)
    if head.startswith(b"#!"):
        return [*_interpreter(path, head.partition(b"\n")[0][2:512]), path]
    if is_shell_script:
        return ["/bin/sh", path]
    if not head.startswith(_ELF):
        _refuse_other_kinds(path)
    if not os.access(path, os.X_OK):
        raise CodeError(f"{path} cannot be executed: make it executable (chmod +x), or name a .py or .sh file")
    return [path]


def _interpreter(path: str, line: bytes) -> list[str]:
    import shlex

    try:
        found = shlex.split(line.decode().strip())
    except ValueError as error:
        raise CodeError(f"{path}, line 1: cannot read the interpreter line: {error}") from error
    if not found:
        raise CodeError(f"{path}, line 1: the interpreter line names no program; for example #!/bin/sh")
    return found


def _refuse_windows_lines(path: str, head: bytes) -> None:
    """Refuse CRLF: a shell takes the carriage return as part of the last word of a line, and the script misbehaves."""
    text = head.partition(b"\0")[0]  # the script ends before a payload, which may contain any bytes
    before, found, _ = text.partition(b"\r\n")
    if found:
        number = before.count(b"\n") + 1
        raise CodeError(
            f"{path} has Windows line endings (CRLF), first in line {number}: a shell would pass the carriage return "
            f"to the commands; convert the file with sed -i 's/\\r$//' {os.path.basename(path)}"
        )


def _refuse_other_kinds(path: str) -> None:
    """Refuse kinds of files that the kernel cannot start, whatever their mode: on some disks all are executable."""
    suffix = os.path.splitext(path)[1].lower()
    name = os.path.basename(path)
    if suffix == ".ipynb":
        script = f"{os.path.splitext(name)[0]}.py"
        raise CodeError(
            f"{path} is a notebook, which cannot be run as a program: convert it with "
            f"jupyter nbconvert --to script {name}, and name {script}"
        )
    if suffix in _INTERPRETERS:
        language, program = _INTERPRETERS[suffix]
        raise CodeError(f"{path} is {language} without an interpreter line: begin it with #!/usr/bin/env {program}")
    if suffix in _SOURCES:
        raise CodeError(f"{path} is source code that has to be compiled: name the program that is built from it")
    if suffix in _WINDOWS:
        raise CodeError(f"{path} is a Windows program: name a .py file, a .sh file or a Linux executable")
    if _is_archive(name):
        raise CodeError(
            f"{path} is an archive, not a program: submit it as the code (SAGEMAKER_SUBMIT_DIRECTORY), and name a "
            "program in it"
        )
    if suffix in _DATA:
        raise CodeError(f"{path} is not a program: name a .py file, a .sh file or an executable")


def _is_archive(name: str) -> bool:
    from smc_core.code.archive.formats import ARCHIVE_SUFFIXES

    return name.lower().endswith(ARCHIVE_SUFFIXES)
