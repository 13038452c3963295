"""Write the parameters of a Chainer model so that they are there whole or not at all, and read them again."""

from __future__ import annotations

import os
from typing import Any, TypeVar

from smc_chainer.framework import chainer_module
from smc_core.kit import write_whole

MODEL_FILE = "model.npz"
"""Name below the model folder; that of the classic container."""

LinkT = TypeVar("LinkT")


def save(link: Any, model_dir: str) -> str:
    """Write the parameters and persistent values of a link to ``model.npz`` in a folder, and return its path."""
    serializers = chainer_module("chainer.serializers", "saving a model")
    return write_whole(os.path.join(model_dir, MODEL_FILE), lambda path: serializers.save_npz(path, link))


def load_model(link: LinkT, path: str | os.PathLike[str]) -> LinkT:
    """Fill a link with what a job has saved.

    A file of Chainer's holds numbers and no code: the network is made by the program that reads it, of the same
    shape as the one that was trained.

    Args:
        link: a ``chainer.Link`` such as the job's ``train`` returned, fresh; it is changed.
        path: a ``.npz`` file, or a folder in which ``model.npz`` lies, such as ``environment.model_dir``.

    Returns:
        ``link``.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: the link has a parameter that the file has not.
        ModuleNotFoundError: Chainer is not installed.

    """
    serializers = chainer_module("chainer.serializers", "smc.chainer.load_model")
    file = os.path.join(path, MODEL_FILE) if os.path.isdir(path) else os.fspath(path)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no Chainer model at {file}")
    serializers.load_npz(file, link)
    return link
