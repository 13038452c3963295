"""Write the parameters of a Chainer model, completely or not at all, and load them again."""

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
    """Load the parameters that a job has saved into a link.

    Chainer's file contains numbers and no code: the program that reads it first creates a network of the same shape as
    the one that was trained.

    Args:
        link: a new ``chainer.Link`` like the one that the job's ``train`` returned; it is changed.
        path: a ``.npz`` file, or a folder that contains ``model.npz``, such as ``environment.model_dir``.

    Returns:
        ``link``.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: the link has a parameter that is not in the file.
        ModuleNotFoundError: Chainer is not installed.

    """
    serializers = chainer_module("chainer.serializers", "smc.chainer.load_model")
    file = os.path.join(path, MODEL_FILE) if os.path.isdir(path) else os.fspath(path)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no Chainer model at {file}")
    serializers.load_npz(file, link)
    return link
