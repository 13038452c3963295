"""Reads zip archives and wheels."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib

from smc_core.code.unpack import MAX_LINK_LENGTH, Unpacked

_UNIX = 3
_ENCRYPTED = 0x1


def read_zip(path: str, unpacked: Unpacked) -> None:
    """Unpack a zip archive.

    Args:
        path: the archive.
        unpacked: where its members go.

    Raises:
        CodeError: it is broken, or holds what it may not.
        OSError: something cannot be read or written.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked.check_count(len(members))
            unpacked.check_size(sum(member.file_size for member in members))
            for member in members:
                _read_member(archive, member, unpacked)
            unpacked.finish()
    except zipfile.BadZipFile as error:
        how = "is truncated, or no zip archive" if "not a zip file" in str(error) else f"is corrupt: {error}"
        raise unpacked.damaged(how) from error
    except EOFError as error:
        raise unpacked.damaged("is truncated: it ends inside a file") from error
    except NotImplementedError as error:
        raise unpacked.damaged(f"cannot be unpacked: {error}; make it with the deflate method") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise unpacked.damaged(f"is corrupt: {error}") from error
    except (zlib.error, lzma.LZMAError, ValueError, LookupError, ArithmeticError) as error:
        raise unpacked.damaged(f"is corrupt: {error or type(error).__name__}") from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, unpacked: Unpacked) -> None:
    name = member.orig_filename.rstrip("\0")
    mode = member.external_attr >> 16 if member.create_system == _UNIX else 0
    kind = stat.S_IFMT(mode)
    if member.flag_bits & _ENCRYPTED:
        raise unpacked.refused(name, "is encrypted")
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
        raise unpacked.refused(member.orig_filename, "is a link with a target that is too long")
    with archive.open(member) as content:
        return content.read().decode("utf-8", "surrogateescape")
