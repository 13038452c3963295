"""A package folder for this job alone, for an interpreter whose own is not writable."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class JobPackages:
    """A small virtual environment that sees all installed packages.

    Attributes:
        python: its interpreter, to install with.
        packages: the folder to put at the front of ``sys.path``.
        scripts: the folder to put on ``PATH``.
    """

    python: str
    packages: str
    scripts: str


def is_writable() -> bool:
    """Whether packages can be installed into this interpreter.

    Outside a virtual environment, not if the system manages it (``EXTERNALLY-MANAGED``, PEP 668).
    """
    folder = sysconfig.get_path("purelib")
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    managed = sys.prefix == sys.base_prefix and os.path.exists(marker)
    return os.access(folder, os.W_OK) and not managed


def create_job_packages() -> JobPackages:
    """Create one, in the folder for temporary files.

    pip, when started in it, counts packages outside as installed and does not replace them: a newer version goes to
    this folder, and is found first.
    """
    import venv

    folder = tempfile.mkdtemp(prefix="smc-packages-")
    builder = venv.EnvBuilder(system_site_packages=True, symlinks=True, with_pip=False)
    builder.create(folder)
    variables = {"base": folder, "platbase": folder, "installed_base": folder, "installed_platbase": folder}
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    packages = sysconfig.get_path("purelib", scheme, variables)
    os.makedirs(packages, exist_ok=True)
    outside = [place for place in sys.path if os.path.basename(place) in ("site-packages", "dist-packages")]
    with open(os.path.join(packages, "_smc_outside.pth"), "w", encoding="utf-8") as file:
        file.write("\n".join(outside) + "\n")
    scripts = os.path.join(folder, "bin")
    return JobPackages(os.path.join(scripts, "python"), packages, scripts)
