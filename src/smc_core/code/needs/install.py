"""Install what the user's code needs, with uv or pip; nothing is started if it is installed already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from smc_core.code.needs.packages import Installed, find_needs
from smc_core.errors import CodeError
from smc_core.foreign import foreign_input

if TYPE_CHECKING:
    from smc_core.code.needs.packages import Needs
    from smc_core.distributions import Distributions


@foreign_input(CodeError, "what the code requires")
def install(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> Installed:
    """Install what code needs.

    For a folder, that is ``requirements.txt`` (or the file that ``SMC_REQUIREMENTS`` names), and the folder itself if a
    ``pyproject.toml`` or ``setup.py`` makes it a package. If everything is installed already, no installer is started.
    An installed framework is not replaced by another build, unless ``SMC_ALLOW_FRAMEWORK_UPGRADE=1``.

    Args:
        path: a folder of code, a wheel, or a source distribution.
        environ: the variables: pip's own for the index, ``SMC_WHEELS``, ``CA_REPOSITORY_ARN``.

    Raises:
        CodeError: something cannot be installed; the first line says why, and the installer's last lines are the
            error's ``details``.

    """
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        return _install_file(path, environ)
    needs = find_needs(path, environ)
    return _install_folder(path, needs, environ) if needs else Installed()


def _install_folder(folder: str, needs: Needs, environ: Mapping[str, str]) -> Installed:
    from smc_core.code.needs.requirements import Line, Requirements, read_requirements
    from smc_core.code.needs.unmet import unmet
    from smc_core.distributions import Distributions

    installed = Distributions()
    requirements = Requirements()
    if needs.requirements:
        read_requirements(needs.requirements, environ, requirements)
    requirements.lines += [Line(text, needs.dependencies_from) for text in needs.dependencies]
    missing = unmet(requirements, installed)
    build = needs.package is not None and not _is_current(folder, installed)
    if not (missing or build or requirements.opaque):
        count = len(requirements.lines)
        return Installed(False, f"{needs.shown}: {count} satisfied" if count else f"{needs.shown}: installed already")
    from smc_core.code.needs.installation import Installation

    return Installation(folder, needs.shown, requirements, missing, installed, environ).install_needs(
        needs, build=build
    )


def _install_file(path: str, environ: Mapping[str, str]) -> Installed:
    from smc_core.code.needs.installation import Installation
    from smc_core.code.needs.requirements import Requirements
    from smc_core.distributions import Distributions

    name, version = _name_of_file(path)
    installed = Distributions()
    present = installed.get(name)
    installation = Installation(os.path.dirname(path), os.path.basename(path), Requirements(), (), installed, environ)
    return installation.install_file(path, name, again=present is not None and present.version == version)


def _name_of_file(path: str) -> tuple[str, str]:
    """Name and version of the distribution in a wheel or a source distribution, from the file's name."""
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    file = os.path.basename(path)
    if not os.path.isfile(path):
        raise CodeError(f"{path} is neither a file nor a folder: nothing can be installed from it")
    try:
        name, version = parse_wheel_filename(file)[:2] if file.endswith(".whl") else parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise CodeError(f"{path} is neither a folder of code, a wheel nor a source distribution") from error
    return name, str(version)


def _is_current(folder: str, installed: Distributions) -> bool:
    """Whether the package of a folder was installed from this same folder, after its last change."""
    from smc_core.code.needs.requirements import Line, Requirements
    from smc_core.code.needs.unmet import unmet

    found = installed.installed_from(os.path.realpath(folder))
    if found is None or unmet(Requirements([Line(text, found.name) for text in found.requires]), installed):
        return False
    if found.origin.get("dir_info", {}).get("editable"):
        return True
    record = os.path.join(found.folder, "RECORD")
    since = os.stat(record).st_ctime_ns if os.path.exists(record) else 0
    return all(
        os.stat(os.path.join(place, name), follow_symlinks=False).st_ctime_ns <= since
        for place, _, names in os.walk(folder)
        if "__pycache__" not in place
        for name in names
    )
