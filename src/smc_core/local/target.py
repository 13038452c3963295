"""From the target of a local job to its code: where it is, and what is run.

A file or folder is used in place, and nothing is ever fetched into it; an archive or a URL is fetched into the job's
own folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re

from smc_core.code.archive.formats import ARCHIVE_SUFFIXES, is_archive
from smc_core.contract import CODE_DIR_ENV, NAMED_PROGRAM_ENV, NAMED_SOURCE_ENV, PROGRAM_ENV, SUBMIT_DIR_ENV, JobPaths
from smc_core.errors import CodeError
from smc_core.local.request import Request
from smc_core.words import did_you_mean, nearest

DEFAULT_PROGRAMS = ("train.py", "train.sh", "__main__.py", "main.py")
"""The entry points to look for in a folder if none is named, in this order."""


@dataclasses.dataclass(frozen=True)
class Code:
    """The code of a local job.

    Attributes:
        program: the entry point: a path inside the code, or a module.
        folder: the user's folder, if the code is used in place; None if it is fetched.
        source: where it is fetched from; None if it is used in place.
    """

    program: str
    folder: str | None
    source: str | None = None

    def variables(self, paths: JobPaths) -> dict[str, str]:
        """The variables that describe the code to the job.

        A folder that is used in place is given as the source *and* as the code folder: then there is nothing to fetch,
        whatever a hyperparameter ``sagemaker_submit_directory`` says.

        Args:
            paths: the job's own folders.

        """
        place = self.folder or paths.code
        named = {NAMED_PROGRAM_ENV: self.program, NAMED_SOURCE_ENV: self.source or place, CODE_DIR_ENV: place}
        return {**named, PROGRAM_ENV: self.program, SUBMIT_DIR_ENV: self.source or place}


def find_code(request: Request) -> Code:
    """Find the code of a local job.

    Args:
        request: what was asked for.

    Raises:
        CodeError: there is no such file or folder, it cannot be read, or it does not say what to run.

    """
    program = request.module or request.variables.get(PROGRAM_ENV)
    target = request.target
    if "://" in target or _is_archive(target):
        return Code(program or DEFAULT_PROGRAMS[0], None, target)
    if os.path.isfile(target):
        return Code(program or os.path.basename(target), os.path.dirname(target))
    if os.path.isdir(target):
        return Code(program or _program_of(target), target)
    raise _unusable(target)


def short_name(request: Request) -> str:
    """A name for a job without one, from its target: at most 40 letters, digits and dashes."""
    text = request.module or os.path.basename(request.target.rstrip("/"))
    for suffix in (".py", ".sh", *ARCHIVE_SUFFIXES):
        text = text.removesuffix(suffix)
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40].strip("-") or "job"


def _is_archive(target: str) -> bool:
    if not os.path.isfile(target):
        return False
    try:
        return is_archive(target)
    except OSError as error:
        raise CodeError.of_reading(target, error) from error


def _program_of(folder: str) -> str:
    for name in DEFAULT_PROGRAMS:
        if os.path.isfile(os.path.join(folder, name)):
            return name
    raise CodeError(
        f"{folder} contains none of {', '.join(DEFAULT_PROGRAMS)}; name the entry point: "
        f"smc run {os.path.join(os.path.relpath(folder), 'NAME.py')}, or add -m MODULE after the folder"
    )


def _unusable(target: str) -> CodeError:
    """The error for a target that is neither a file nor a folder, as far as this user can see."""
    try:
        os.stat(target)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(target):
            return CodeError(f"{target} is a link to {os.readlink(target)}, which does not exist")
        return CodeError(f"there is no {target}{_instead(target)}")
    except OSError as error:
        return CodeError(f"{target} cannot be read: {error.strerror}")
    return CodeError(f"{target} is neither a file nor a folder; smc run takes a file, a folder, an archive or a URL")


def _instead(path: str) -> str:
    parent, name = os.path.split(path)
    names: list[str] = []
    with contextlib.suppress(OSError):  # no guess in a folder that this user may not list
        names = os.listdir(parent)
    near = nearest(name, names, likeness=0.5)
    return did_you_mean(os.path.relpath(os.path.join(parent, each)) for each in near)
