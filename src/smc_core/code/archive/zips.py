"""Reads zip archives and wheels."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from smc_core.code.archive.unpack import MAX_LINK_LENGTH, Unpacked
from smc_core.code.limits import Quota

_UNIX = 3
_ENCRYPTED = 0x1
_SIGNATURE = b"PK\x01\x02"
_INDEX_ENTRY = struct.Struct("<28xHHH12x")
"""An entry of the index (the central directory): the lengths of the name, extra field and comment that follow it."""
_MAX_EXTRA = 1024
"""Bytes of an entry's extra field, which the standard library parses in quadratic time. Real ones have 50."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The methods that the standard library unpacks in bounded memory."""


def read_zip(path: str, unpacked: Unpacked) -> None:
    """Unpack a zip archive.

    Args:
        path: the archive.
        unpacked: where its members go.

    Raises:
        CodeError: it is broken, or contains something that is refused.
        OSError: something cannot be read or written.

    """
    try:
        with _Bounded(path, unpacked.quota) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            unpacked.quota.check_files(len(members))
            unpacked.quota.check_bytes(sum(member.file_size for member in members))
            unpacked.quota.check_bytes(sum(member.compress_size for member in members))
            for member in members:
                _read_member(archive, member, unpacked)
            unpacked.finish()
    except zipfile.BadZipFile as error:
        how = "is truncated, or not a zip archive" if "not a zip file" in str(error) else f"is corrupt: {error}"
        raise unpacked.damaged(how) from error
    except EOFError as error:
        raise unpacked.damaged("is truncated: it ends inside a file") from error
    except NotImplementedError as error:
        raise unpacked.damaged(f"cannot be unpacked: {error}; create it with the deflate method") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise unpacked.damaged(f"is corrupt: {error}") from error
    except (zlib.error, ValueError, LookupError, ArithmeticError) as error:
        raise unpacked.damaged(f"is corrupt: {error or type(error).__name__}") from error


class _Bounded(io.FileIO):
    """A zip archive whose index is refused if it is too large, before the standard library creates objects from it."""

    def __init__(self, path: str, quota: Quota) -> None:
        super().__init__(path)
        self._quota = quota

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; an index is recognised by its first bytes: the standard library reads it as a whole."""
        wanted = -1 if size is None else size
        self._quota.check_text(wanted)
        data = super().read(wanted) or b""
        if wanted >= _INDEX_ENTRY.size and data.startswith(_SIGNATURE):
            self._check_index(data)
        return data

    def _check_index(self, data: bytes) -> None:
        position = files = 0
        while len(data) - position >= _INDEX_ENTRY.size and data.startswith(_SIGNATURE, position):
            name, extra, comment = _INDEX_ENTRY.unpack_from(data, position)
            files += 1
            self._quota.check_files(files)
            if extra > _MAX_EXTRA:
                raise zipfile.BadZipFile("an entry of its index is too large")
            position += _INDEX_ENTRY.size + name + extra + comment


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, unpacked: Unpacked) -> None:
    name = member.orig_filename.rstrip("\0")
    mode = member.external_attr >> 16 if member.create_system == _UNIX else 0
    kind = stat.S_IFMT(mode)
    if member.flag_bits & _ENCRYPTED:
        raise unpacked.refused(name, "is encrypted")
    if member.compress_type not in _METHODS:
        raise unpacked.refused(
            name, f"is compressed by method {member.compress_type}; create it with the deflate method"
        )
    if name.endswith(("/", "\\")) or kind == stat.S_IFDIR:
        unpacked.folder(name, stat.S_IMODE(mode) or None)
    elif kind == stat.S_IFLNK:
        unpacked.symbolic_link(name, _link_target(archive, member, unpacked))
    elif kind in (0, stat.S_IFREG):
        with archive.open(member) as content:
            unpacked.file(name, content, member.file_size, stat.S_IMODE(mode) or None)
            if content.read(1):  # also checks the checksum of an empty file
                raise unpacked.damaged("is corrupt: a file is longer than it says")
    else:
        raise unpacked.refused(name, "is neither a file, a folder nor a link")


def _link_target(archive: zipfile.ZipFile, member: zipfile.ZipInfo, unpacked: Unpacked) -> str:
    if member.file_size > MAX_LINK_LENGTH:
        raise unpacked.refused(member.orig_filename, "is a link with an empty, unreadable or endless target")
    with archive.open(member) as content:
        return content.read().decode("utf-8", "surrogateescape")
