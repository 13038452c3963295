"""Writes a new plugin: a package that works and passes its tests as it is (``smc plugin new``).

``template/`` is that package, with the name ``example``. Whole words of it are replaced, and what stands between
``begin framework`` and ``end framework`` (or ``launcher``) is left out where the plugin has none.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from smc_core.errors import ConfigurationError
from smc_core.scaffold.names import Names

TEMPLATE = Path(__file__).parent / "template"
PARTS = ("framework", "launcher")
"""What a plugin may do without."""
_FILES = {"src/smc_example/launcher.py": "launcher"}
"""Files that are of one part alone."""
_MARK = re.compile(r"\s*(?:#|<!--) (begin|end) (\w+)(?: -->)?\n")


def write(names: Names, folder: Path, *, launcher: bool) -> list[str]:
    """Write a plugin; all of it, or nothing.

    Args:
        names: what it and its framework are called.
        folder: where to; it must not exist.
        launcher: whether it has a launcher.

    Returns:
        The paths of its files in the folder.

    Raises:
        ConfigurationError: there is something already, or the folder cannot be written.

    """
    if os.path.lexists(folder):
        raise ConfigurationError(f"{folder} exists already; name another folder by --dir, or move it away")
    parts = {part for part, wanted in zip(PARTS, (names.framework, launcher), strict=True) if wanted}
    files = dict(_rendered(names.tokens(), parts))
    try:
        _write_all(files, folder)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror or error}") from error
    return sorted(files)


def _write_all(files: Mapping[str, str], folder: Path) -> None:
    whole = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        whole.chmod(0o777 & ~_umask())
        for name, text in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        whole.rename(folder)  # refused where somebody has put something there meanwhile
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _rendered(tokens: Mapping[str, str], parts: Collection[str]) -> Iterator[tuple[str, str]]:
    longest_first = sorted(tokens, key=len, reverse=True)
    words = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])")

    def replaced(text: str) -> str:
        return words.sub(lambda found: tokens[found[0]], text)

    for path in sorted(TEMPLATE.rglob("*")):
        name = path.relative_to(TEMPLATE).as_posix()
        if path.is_dir() or "__pycache__" in path.parts or _FILES.get(name, "") not in ("", *parts):
            continue
        text = "".join(_lines(path.read_text(encoding="utf-8"), parts))
        yield replaced(name), replaced(text)


def _lines(text: str, parts: Collection[str]) -> Iterator[str]:
    """The lines of a file, without the marks and without the parts that are not wanted."""
    inside = ""
    for line in text.splitlines(keepends=True):
        mark = _MARK.fullmatch(line)
        if mark is not None:
            inside = mark[2] if mark[1] == "begin" else ""
        elif not inside or inside in parts:
            yield line
