"""The folder in which the job's processes leave word for the supervisor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from smc_core.process.reports import MAX_REPORT_BYTES, RESERVE_FILE


class ReportDir:
    """The folder, made in the first place that can be written to.

    Args:
        environ: variables, among which TMPDIR may be.
        output_dir: the job's output folder, for want of a better place.

    Attributes:
        path: absolute; None where no place can be written to, and the job runs without reports.

    """

    def __init__(self, environ: Mapping[str, str], output_dir: str) -> None:
        self.path: str | None = None
        for place in (environ.get("TMPDIR"), "/tmp", "/dev/shm", "/var/tmp", "/run", output_dir, "."):  # noqa: S108
            if place:
                with contextlib.suppress(OSError, ValueError):
                    self.path = _make(os.path.abspath(place))
                    return

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        if self.path is None:
            return
        for folder, folders, files in os.walk(self.path, topdown=False):  # which follows no link to a folder
            for name in (*files, *folders):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _make(place: str) -> str:
    folder = os.path.join(place, f"smc-{os.getpid()}-{os.urandom(4).hex()}")
    os.mkdir(folder, 0o700)
    try:
        with open(os.path.join(folder, RESERVE_FILE), "wb") as file:
            file.write(bytes(MAX_REPORT_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, RESERVE_FILE))
            os.rmdir(folder)
        raise
    return folder
