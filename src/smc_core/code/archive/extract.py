"""Unpack an archive as if it were hostile."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping

from smc_core.code.archive.formats import ZIP, format_of
from smc_core.code.archive.unpack import Unpacked
from smc_core.code.folders import reason
from smc_core.code.limits import Limits
from smc_core.errors import CodeError


def extract(
    archive: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    name: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Unpack a tar or zip archive into an empty folder.

    No member is written outside. Only files, folders and links that stay inside are created (other links are skipped,
    with a line in the log), and no more than ``SMC_MAX_ARCHIVE_BYTES`` (10 GiB) and ``SMC_MAX_ARCHIVE_FILES``
    (100,000). The content decides, not the name: a zip called ``.tar.gz`` is unpacked, too.

    Args:
        archive: the file.
        dst: an empty folder, or one that does not exist.
        name: the archive's name in messages; its path by default.
        environ: the variables that set the limits, by default those of this process.

    Returns:
        The size of the files in bytes.

    Raises:
        CodeError: it is refused or broken, or cannot be written. Nothing of it is left in ``dst``.
        ConfigurationError: a limit is not a number.

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
    found = format_of(archive)
    if found is ZIP:
        from smc_core.code.archive.zips import read_zip

        read_zip(archive, unpacked)
    elif found is not None:
        from smc_core.code.archive.tars import read_tar

        read_tar(archive, found, unpacked)
    elif os.path.getsize(archive) == 0:
        raise unpacked.damaged("is empty: it has no bytes")
    else:
        raise unpacked.damaged("is not an archive: it is neither tar nor zip")


def _empty(folder: str) -> None:
    """Remove what was unpacked, as far as possible: the original error is the one to report."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
