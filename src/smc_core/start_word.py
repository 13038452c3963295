"""Finds out whose the command ``train`` is: SageMaker starts images with it, and other distributions have one, too."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from typing import Literal, NamedTuple

from smc_core import metadata

NAME = "train"
_OTHERS = ("sagemaker-training", "sagemaker-containers")
"""Distributions that install a command of that name, and remove it when they are uninstalled."""
_OURS = b"smc_core"
_HEAD_BYTES = 4096


class StartWord(NamedTuple):
    """What is known about the command.

    Attributes:
        path: its file; None if there is none.
        is_ours: whether it starts smc.
        others: installed distributions with a command of that name, and their versions.
    """

    path: str | None
    is_ours: bool
    others: tuple[tuple[str, str], ...]


def find(path: str | None = None) -> StartWord:
    """Look for the command.

    Args:
        path: folders as in ``PATH``; None for those in ``PATH``, and the folder of this interpreter's scripts.

    """
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])
    found = shutil.which(NAME, path=folders if path is None else path)
    return StartWord(found, found is not None and _starts_smc(found), tuple(_others()))


def judge(found: StartWord) -> tuple[Literal["ok", "note", "problem"], str, str]:
    """Its state in words, and what to do about it. SageMaker starts an image without an ENTRYPOINT by this command."""
    others = ", ".join(f"{name} {version}" for name, version in found.others)
    reinstall = "pip install --force-reinstall --no-deps smc-core"
    fix = f"pip uninstall {found.others[0][0]}, then {reinstall}" if found.others else reinstall
    if found.path is None:
        return "problem", "there is no command train, with which SageMaker starts an image", fix
    if not found.is_ours:
        text = f"{found.path} does not start smc, and SageMaker starts an image with that command"
        why = f"; it comes with {others}" if others else ""
        return "problem", f"{text}{why}", f'{fix}; or ENTRYPOINT ["smc", "run"]'
    if others:
        text = f"{found.path} starts smc; {others} brings a command of that name too, and removes it when uninstalled"
        return "note", text, ""
    return "ok", f"{found.path} starts smc", ""


def _starts_smc(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return _OURS in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _others() -> Iterator[tuple[str, str]]:
    for name in _OTHERS:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
