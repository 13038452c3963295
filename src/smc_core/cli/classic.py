"""What an image still has of ``sagemaker-training``, which smc replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from smc_core import metadata
from smc_core.contract import TRAINING_MODULE_ENV

PACKAGES = {
    "sagemaker-training": "sagemaker_training",
    "sagemaker-containers": "sagemaker_containers",
    "sagemaker-pytorch-training": "sagemaker_pytorch_container",
    "sagemaker-tensorflow-training": "sagemaker_tensorflow_container",
    "sagemaker-mxnet-training": "sagemaker_mxnet_container",
    "sagemaker-chainer-container": "sagemaker_chainer_container",
}
"""Distributions of the classic toolkit and its companions, and the package that each of them installs."""


def leftovers(environ: Mapping[str, str]) -> Iterator[tuple[Literal["note", "problem"], str, str]]:
    """What is left of the classic toolkit: how bad it is, what it is, and how to remove it."""
    target = environ.get(TRAINING_MODULE_ENV, "")
    if target.partition(":")[0].partition(".")[0] in PACKAGES.values():
        text = f"{TRAINING_MODULE_ENV} is {target}: smc would run the classic toolkit"
        yield "problem", text, f"clear it in the image: ENV {TRAINING_MODULE_ENV}="
    found = [(name, version) for name in PACKAGES if (version := _version(name))]
    if found:
        text = f"installed, and replaced by smc: {', '.join(map(' '.join, found))}"
        # reinstalled, because the first two also install a command train, which is removed with them
        fix = f"pip uninstall {' '.join(name for name, _ in found)}"
        yield "note", text, f"{fix}, then pip install --force-reinstall --no-deps smc-core"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
