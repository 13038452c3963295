"""Writes the members of an archive, and keeps each of them inside the folder.

An archive is treated as hostile. Four rules keep it inside its folder on any file system:

1. A member's name is split into parts; an absolute name, one with ``..``, and one with a drive letter are refused.
2. All files and folders are written before the first symbolic link is created. So nothing is ever written *through* a
   link, however links, names and letter cases are combined.
3. A link's target climbs first (``../..``), at most up to the folder itself, and then only descends
   (:mod:`smc_core.code.archive.links`). From a real folder inside, such a path stays inside, even through further links
   of the same kind. A link that leads outside is skipped; a member *below* a link is refused.
4. A file is always created anew (``O_EXCL``, ``O_NOFOLLOW``), and a hard link only to a file written before.

Only files, folders and such links are created, with the permissions ``rwxr-xr-x`` at most.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from typing import IO, Literal

from smc_core.code.archive.links import Links, Parts
from smc_core.code.limits import Limits, Quota
from smc_core.errors import CodeError
from smc_core.words import some_of

MAX_DEPTH = 100
"""Folders inside folders; the deepest public source trees have about 30."""
MAX_LINK_LENGTH = 4096
"""Bytes of a symbolic link's target: Linux's ``PATH_MAX``."""

_log = logging.getLogger("smc.code")

_CHUNK = 1024 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_TIMES = range(315_532_800, 2**33)
"""1980 to 2242: zip archives and wheels cannot store earlier times, some file systems no later ones."""


class Unpacked:
    """A folder that an archive is unpacked into.

    Args:
        root: an existing empty folder that no other process writes to.
        archive: the archive's name in messages.
        limits: how large the unpacked content may be.

    """

    def __init__(self, root: str, archive: str, limits: Limits) -> None:
        self.quota = Quota(archive, limits, "unpacks to")
        self._root = root
        self._archive = archive
        self._kinds: dict[Parts, Literal["file", "folder", "link"]] = {}
        self._links: dict[Parts, str] = {}

    def folder(self, name: str, mode: int | None = None) -> None:
        """Create a folder."""
        parts = self._parts(name)
        self._count(name)
        self._make_folders(parts, name)
        if parts and mode is not None:  # the owner keeps all rights: later members go inside
            os.chmod(self._path(parts), (mode & 0o755) | 0o700)

    def file(self, name: str, content: IO[bytes], size: int, mode: int | None = None, time: float = 0) -> None:
        """Write a file.

        Args:
            name: the member's name.
            content: the file to read its ``size`` bytes from.
            size: its size in bytes, as stated by the archive.
            mode: its permissions; None for ``rw-r--r--``.
            time: when it was last changed, in seconds since 1970; a time before 1980 stands for now.

        """
        parts = self._place(name)
        self.quota.add_bytes(size)
        path = self._path(parts)
        if self._kinds.get(parts) == "file":
            os.unlink(path)  # of two members with the same name the later one counts, as for tar
        mode = 0o644 if mode is None else (mode & 0o755) | 0o600
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            self._copy(content, file, size, name)
            os.fchmod(file.fileno(), mode)
        if int(time) in _TIMES:
            os.utime(path, (time, time))
        self._kinds[parts] = "file"

    def hard_link(self, name: str, target: str) -> None:
        """Create another name for an earlier file of the archive."""
        source, parts = self._parts(target), self._place(name)
        if self._kinds.get(source) != "file":
            raise self.refused(name, f"is a hard link to {_shown(target)}, which is not an earlier file of the archive")
        if source == parts:  # a link to itself: replacing it would delete the file
            return
        path = self._path(parts)
        if self._kinds.get(parts) == "file":
            os.unlink(path)
        try:
            os.link(self._path(source), path, follow_symlinks=False)
        except OSError:  # a file system without hard links
            self.quota.add_bytes(os.path.getsize(self._path(source)))
            shutil.copy(self._path(source), path)
        self._kinds[parts] = "file"

    def symbolic_link(self, name: str, target: str) -> None:
        """Remember a symbolic link; :meth:`finish` creates it, or skips it if it leads outside."""
        parts = self._place(name)
        if self._kinds.get(parts) == "file":
            raise self.refused(name, "is both a file and a link")
        if not target or "\0" in target or len(target) > MAX_LINK_LENGTH:
            raise self.refused(name, "is a link with an empty, unreadable or endless target")
        self.quota.add_text(len(target))
        self._kinds[parts] = "link"
        self._links[parts] = target

    def finish(self) -> None:
        """Create the symbolic links that stay inside, after everything else, and log those that do not."""
        inside = Links(self._links).inside()
        if "file" not in self._kinds.values() and not inside:
            raise self.damaged("contains no files")
        for parts, target in inside.items():
            os.symlink(target, self._path(parts))
        outside = [f"{'/'.join(parts)} -> {target}" for parts, target in self._links.items() if parts not in inside]
        if outside:
            shown = some_of([_shown(each) for each in outside], 3)
            _log.warning("%s: skipped links that lead outside: %s", self._archive, shown)

    def refused(self, name: str, why: str) -> CodeError:
        """The error for a member that is refused."""
        return CodeError(f"{self._archive} is refused: its member {_shown(name)} {why}")

    def damaged(self, how: str) -> CodeError:
        """The error for a broken archive."""
        return CodeError(f"{self._archive} {how}")

    def _place(self, name: str) -> Parts:
        """Check the name of a file or link, and create the folders above it."""
        parts = self._parts(name)
        self._count(name)
        if not parts:
            raise self.refused(name, "has the name of the folder itself")
        self._make_folders(parts[:-1], name)
        if self._kinds.get(parts) == "folder":
            raise self.refused(name, "is a folder too")
        if self._kinds.get(parts) == "link":
            raise self.refused(name, "is a link too")
        return parts

    def _parts(self, name: str) -> Parts:
        if "\0" in name or not name:
            raise self.refused(name, "has an empty or unreadable name")
        if len(name) > MAX_LINK_LENGTH:
            raise self.refused(name, "has a name that is too long")
        plain = name.replace("\\", "/")  # some archives from Windows have backslashes
        if plain.startswith("/") or _DRIVE.match(plain):
            raise self.refused(name, "has an absolute path")
        # Interned: in a large archive, most parts occur in many names.
        parts = tuple(sys.intern(part) for part in plain.split("/") if part not in ("", "."))
        if ".." in parts:
            raise self.refused(name, "leads outside (..)")
        if len(parts) > MAX_DEPTH:
            raise self.refused(name, f"is more than {MAX_DEPTH} folders deep")
        return parts

    def _make_folders(self, parts: Parts, name: str) -> None:
        if self._kinds.get(parts) == "folder":
            return  # and so are all folders above it
        for depth in range(1, len(parts) + 1):
            above = parts[:depth]
            kind = self._kinds.get(above)
            if kind is None:
                self._count(name)
                if not os.path.isdir(self._path(above)):  # it exists already on a file system that ignores case
                    os.mkdir(self._path(above), 0o755)
                self._kinds[above] = "folder"
            elif kind != "folder":
                raise self.refused(name, f"is in {_shown('/'.join(above))}, which is a {kind}")

    def _path(self, parts: Parts) -> str:
        return os.path.join(self._root, *parts)

    def _count(self, name: str) -> None:
        self.quota.add_file()
        self.quota.add_text(len(name))

    def _copy(self, content: IO[bytes], file: IO[bytes], size: int, name: str) -> None:
        left = size
        while left:
            chunk = content.read(min(left, _CHUNK))
            if not chunk:
                raise self.damaged(f"is truncated: it ends inside {_shown(name)}")
            file.write(chunk)
            left -= len(chunk)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
