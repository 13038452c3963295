"""Reads requirement files as pip does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smc_core.errors import CodeError
from smc_core.masking import mask_urls

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+)?(.*)", re.DOTALL)
_FILE_OPTIONS = {"-r": True, "--requirement": True, "-c": False, "--constraint": False}
_EDITABLE = ("-e", "--editable")
_MOST_FILES = 1000
"""Requirement files that include each other, each counted as often as it is included."""
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order mark → the encoding. UTF-32 comes first: its little-endian mark begins with that of UTF-16."""
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")


@dataclass(frozen=True)
class Line:
    """One requirement as it is written.

    Attributes:
        text: without comment, options and hashes; may contain a password, from a variable.
        where: file and line number, for messages.
        editable: whether it is ``-e``.
        hashed: whether it has hashes.
    """

    text: str
    where: str
    editable: bool = False
    hashed: bool = False

    @property
    def shown(self) -> str:
        """The text as a message may show it, without credentials."""
        return mask_urls(self.text)


@dataclass
class Requirements:
    """The content of requirement files, included ones too.

    Attributes:
        lines: the requirements.
        constraints: constraints on the versions of whatever is installed.
        options: options for the installer by name, ``--index-url`` for example.
        opaque: why it cannot be read here, a file at a URL for example; None if it can.
    """

    lines: list[Line] = field(default_factory=list)
    constraints: list[Line] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    opaque: str | None = None

    @property
    def hashed(self) -> bool:
        """Whether the installer will require a hash for everything."""
        return any(line.hashed for line in self.lines) or any(name == "--require-hashes" for name, _ in self.options)

    def option(self, *names: str) -> list[str]:
        """The values of an option, given under any of its names."""
        return [value for name, value in self.options if name in names]


def read_requirements(path: str, environ: Mapping[str, str], into: Requirements | None = None) -> Requirements:
    """Read a requirement file and those that it includes.

    Args:
        path: the file.
        environ: the variables for ``${NAME}``.
        into: the requirements to add to, for a second file.

    Raises:
        CodeError: a file cannot be read.

    """
    found = Requirements() if into is None else into
    _Reader(found, environ).read(path, found.lines)
    return found


class _Reader:
    """Reads a requirement file and those that it includes."""

    def __init__(self, found: Requirements, environ: Mapping[str, str]) -> None:
        self._found = found
        self._environ = environ
        self._files = 0

    def read(self, path: str, into: list[Line], above: tuple[str, ...] = ()) -> None:
        """Read one file.

        Args:
            path: the file; a URL is not read.
            into: the list for its requirements.
            above: the files that include it.

        """
        if "://" in path:
            self._found.opaque = "it includes a file at a URL"
            return
        if (path := os.path.abspath(path)) in above:
            return
        self._files += 1
        if self._files > _MOST_FILES:
            raise CodeError(f"{above[0]} includes more than {_MOST_FILES:,} requirement files")
        for number, line in _logical_lines(self._decoded(path, above)):
            # A variable that is not set, or empty, stays as it is written, as in pip.
            line = _VARIABLE.sub(lambda match: self._environ.get(match.group(1)) or match.group(0), line)
            where = f"{os.path.basename(path)}, line {number}"
            if line.startswith("-"):
                self._option(line, where, into, (*above, path))
            else:
                plain = re.split(r"\s--", line, maxsplit=1)[0].strip()
                into.append(Line(plain, where, hashed="--hash" in line))

    def _decoded(self, path: str, above: tuple[str, ...]) -> str:
        try:
            with open(path, "rb") as file:
                raw = file.read()
        except OSError as error:
            if not above:
                raise CodeError.of_reading(path, error) from error
            raise CodeError(f"{path} cannot be read (included by {above[-1]}): {error.strerror}") from error
        encoding, stated = _encoding(raw)
        try:
            text = raw.decode(encoding).removeprefix("\ufeff")
        except (UnicodeError, LookupError) as error:
            why = f"it declares {encoding.upper()} but is not" if stated else "it is not UTF-8"
            included = f" (included by {above[-1]})" if above else ""
            raise CodeError(f"{path} cannot be read{included}: {why}") from error
        if encoding != "utf-8" and not raw.isascii():
            self._found.opaque = f"it is {encoding.upper()}"  # pip can read it, uv cannot
        return text

    def _option(self, line: str, where: str, into: list[Line], above: tuple[str, ...]) -> None:
        """Read a line that is an option; the last of ``above`` is the file that contains it."""
        if not line.startswith("--") and len(line) > 2 and not line[2].isspace():
            line = f"{line[:2]} {line[2:].removeprefix('=')}"  # -rfile
        match = _OPTION.fullmatch(line)
        name, value = (match.group(1), match.group(2).strip()) if match else (line, "")
        if name in _FILE_OPTIONS:
            value = value.strip("\"'")
            nested = value if "://" in value else os.path.join(os.path.dirname(above[-1]), value)
            self.read(nested, into if _FILE_OPTIONS[name] else self._found.constraints, above)
        elif name in _EDITABLE:
            into.append(Line(value, where, editable=True))
        else:
            self._found.options.append((name, value))


def _encoding(raw: bytes) -> tuple[str, bool]:
    """The encoding of a requirement file, and whether it is declared: by a byte order mark or a comment, as for pip."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding, True
    for line in raw.split(b"\n", 2)[:2]:
        found = _CODING.search(line) if line.startswith(b"#") else None
        if found is not None:
            return found.group(1).decode("ascii").lower(), True
    return "utf-8", False


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first line: comments removed, lines that end in a backslash joined."""
    number = 0
    parts: list[str] = []
    for index, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if parts and stripped.startswith("#"):
            continue
        number = number if parts else index
        if line.endswith("\\") and not stripped.startswith("#"):
            parts.append(line[:-1])
            continue
        whole = _without_comment("".join([*parts, line]))
        parts = []
        if whole:
            yield number, whole
    if whole := _without_comment("".join(parts)):
        yield number, whole


def _without_comment(line: str) -> str:
    """A line up to the first ``#`` at its beginning or after white space."""
    position = line.find("#")
    while position > 0 and not line[position - 1].isspace():
        position = line.find("#", position + 1)
    return (line if position < 0 else line[:position]).strip()
