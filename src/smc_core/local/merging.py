"""Merges the results of several hosts into the folder of their job, as the platform does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence

from smc_core.process import log
from smc_core.words import some_of

_SHOWN_CLASHES = 3


def merge_all(folder: str, names: Sequence[str]) -> None:
    """Merge ``model/`` and ``output/data/`` of all hosts into the job's folder; of one name, the first host's is kept.

    Args:
        folder: the job's folder.
        names: of the hosts' folders in it, in order.

    Raises:
        OSError: something cannot be merged.

    """
    for where in ("model", os.path.join("output", "data")):
        clashes: list[str] = []
        for name in names:
            clashes += _merge(os.path.join(folder, name, where), os.path.join(folder, where))
        clashes = sorted(set(clashes))
        if clashes:
            log.line(
                f"several hosts have written {some_of(clashes, _SHOWN_CLASHES)} in {where}/; only the first host's "
                "is kept. On SageMaker names must not clash: write it on one host, or put the host into the name"
            )


def _merge(source: str, target: str) -> Iterator[str]:
    """Link, or copy, everything in one folder into another; yields the names that exist already.

    Links are copied as links, also those to folders. A folder is merged with a folder, and clashes with anything else.
    """
    for place, folders, names in os.walk(source):
        inside = os.path.normpath(os.path.join(target, os.path.relpath(place, source)))
        os.makedirs(inside, exist_ok=True)
        for name in sorted([*folders, *names]):
            path = os.path.join(inside, name)
            if _is_folder(os.path.join(place, name)) and (_is_folder(path) or not os.path.lexists(path)):
                continue  # os.walk will come to it
            if os.path.lexists(path):
                folders[:] = [folder for folder in folders if folder != name]  # os.walk skips it
                yield os.path.relpath(path, target)
                continue
            try:  # a link: a model may be large, and is not changed any more
                os.link(os.path.join(place, name), path, follow_symlinks=False)
            except OSError:
                shutil.copy2(os.path.join(place, name), path, follow_symlinks=False)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)
