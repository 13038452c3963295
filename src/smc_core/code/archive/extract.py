"""Unpack an archive, as if it were hostile."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping

from smc_core.code.archive.unpack import Unpacked
from smc_core.code.folders import reason
from smc_core.code.limits import Limits
from smc_core.errors import CodeError

ARCHIVE_SUFFIXES = (
    ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".zip", ".whl",
)  # fmt: skip
"""What a file is called that is unpacked."""
_UNKNOWN_SUFFIXES = (".tar.zst", ".tzst", ".tar.lz", ".tar.lz4", ".tar.Z", ".7z", ".rar")
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)


def is_archive(path: str, name: str | None = None) -> bool:
    """Whether a file is one that is unpacked.

    A name with one of :data:`ARCHIVE_SUFFIXES` says so; for a name without any suffix, the file's first bytes do.

    Args:
        path: the file.
        name: what it is called, where that is not the name it has here.

    Raises:
        CodeError: it is an archive of a kind that is not understood.

    """
    name = (os.path.basename(path) if name is None else name).lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        return True
    if name.endswith(tuple(suffix.lower() for suffix in _UNKNOWN_SUFFIXES)):
        raise CodeError(f"{name} is an archive of a kind that is not understood; make a .tar.gz or a .zip")
    return "." not in name and kind_of(path) is not None


def kind_of(path: str) -> str | None:
    """What the first bytes of a file say: ``zip``, ``tar``, ``gzip``, ``bzip2``, ``xz``; None for anything else."""
    with open(path, "rb") as file:
        head = file.read(512)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "tar" if _is_tar_header(head) else None


def extract(
    archive: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    name: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Unpack a tar or zip archive into an empty folder.

    No member lands outside, nothing is made but files, folders and links that stay inside (others are left out, with
    a line in the log), and no more than ``SMC_MAX_ARCHIVE_BYTES`` (10 GiB) and ``SMC_MAX_ARCHIVE_FILES`` (100,000).
    What decides is the content, not the name: a zip called ``.tar.gz`` is unpacked too.

    Args:
        archive: the file.
        dst: an empty folder, or one that does not exist.
        name: how messages call the archive; its path by default.
        environ: the variables that hold the limits, by default those of this process.

    Returns:
        How many bytes the files hold.

    Raises:
        CodeError: it is refused, broken, or cannot be written. Nothing of it is left in ``dst``.
        ConfigurationError: a limit is no number.

    """
    archive, dst = os.fspath(archive), os.fspath(dst)
    unpacked = Unpacked(dst, name or archive, Limits.of_job(os.environ if environ is None else environ))
    try:
        os.makedirs(dst, exist_ok=True)
        if os.listdir(dst):
            raise CodeError(f"{dst} is not empty: nothing is unpacked over other files")
    except OSError as error:
        raise CodeError(f"{dst} cannot be written: {reason(error)}") from error
    try:
        _read(archive, unpacked)
    except OSError as error:
        _empty(dst)
        raise CodeError(f"{name or archive} cannot be unpacked: {reason(error)}") from error
    except BaseException:
        _empty(dst)
        raise
    return unpacked.quota.bytes


def _read(archive: str, unpacked: Unpacked) -> None:
    kind = kind_of(archive)
    if kind == "zip":
        from smc_core.code.archive.zips import read_zip

        read_zip(archive, unpacked)
    elif kind is not None:
        from smc_core.code.archive.tars import read_tar

        read_tar(archive, "" if kind == "tar" else kind, unpacked)
    elif os.path.getsize(archive) == 0:
        raise unpacked.damaged("is empty: it has no bytes")
    else:
        raise unpacked.damaged("is no archive: it is neither tar nor zip")


def _empty(folder: str) -> None:
    """Remove what was unpacked, as far as that can be: the error that it was unpacked with is the one to report."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def _is_tar_header(head: bytes) -> bool:
    """Whether a block's checksum is that of a tar header (also of old ones without ``ustar``)."""
    try:
        stated = int(head[148:156].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    return len(head) == 512 and stated == sum(head[:148]) + sum(head[156:]) + 8 * ord(" ")
