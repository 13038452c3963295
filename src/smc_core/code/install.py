"""Install what the user's code needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Installed:
    """What was installed.

    Attributes:
        changed: whether anything was.
        summary: one line for the log; empty where nothing is asked for.
        path_entry: a folder of this job to be put on the path, where site-packages cannot be written.
    """

    changed: bool = False
    summary: str = ""
    path_entry: str | None = None


def install(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> Installed:
    """Install the requirements of a folder of code."""
    import subprocess
    import sys

    requirements = os.path.join(path, environ.get("SMC_REQUIREMENTS") or "requirements.txt")
    if not os.path.isfile(requirements):
        return Installed()
    subprocess.run([sys.executable, "-m", "pip", "install", "-r", requirements], check=True)  # noqa: S603
    return Installed(True, "requirements.txt installed by pip")
