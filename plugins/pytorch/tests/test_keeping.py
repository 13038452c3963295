"""What nobody could save is kept by torch.save, whatever it is; and the hyperparameter seed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_pytorch import keeping, seeds

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn


def unpicklable() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 2))
    model.register_forward_hook(lambda module, given, result: result)
    return model


def kept(value: Any, folder: Path) -> Any:
    path = keeping.keep(value, str(folder / "unsaved-model"))
    assert path == str(folder / "unsaved-model.pt")
    return torch.load(path, weights_only=False, map_location="cpu")


def test_modules_and_tensors_are_kept_whole(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    read = kept((model, {"best": model.weight[:1]}, 3), tmp_path)
    assert torch.equal(read[0].weight, model.weight)
    assert torch.equal(read[1]["best"], model.weight[:1])
    assert read[2] == 3


def test_of_what_cannot_be_pickled_the_weights_are_kept(tmp_path: Path) -> None:
    model, step = unpicklable(), lambda: None
    read = kept({"nets": [model, torch.ones(2)], "step": step, "epoch": 3}, tmp_path)
    assert torch.equal(read["nets"][0]["0.weight"], model[0].weight)
    assert torch.equal(read["nets"][1], torch.ones(2))
    assert read["step"].startswith("builtins.function, which cannot be pickled: ")
    assert read["epoch"] == 3


@pytest.mark.parametrize("other", [None, {"loss": 0.5}, [1, 2], object(), "text"])
def test_what_has_no_tensors_is_left_to_the_core(other: Any, tmp_path: Path) -> None:
    assert keeping.keep(other, str(tmp_path / "unsaved-model")) is None
    assert list(tmp_path.iterdir()) == []


def drawn() -> list[Any]:
    numpy = pytest.importorskip("numpy")
    return [random.random(), float(numpy.random.random()), float(torch.rand(1))]


def test_a_seed_draws_the_same_numbers_again(job: JobFolder) -> None:
    first = []
    for number in ("7", "7", "8"):
        seeds.seed(Environment.create(base_dir=str(job.hyperparameters(seed=number).base), environ={}))
        first.append(drawn())
    assert first[0] == first[1]
    assert all(one != other for one, other in zip(first[0], first[2], strict=True))


def test_without_a_seed_nothing_is_seeded(job: JobFolder) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    seeds.seed(Environment.create(base_dir=str(job.base), environ={}))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("number", ["-1", "4294967296", "x"])
def test_what_is_no_seed(job: JobFolder, number: str) -> None:
    environment = Environment.create(base_dir=str(job.hyperparameters(seed=number).base), environ={})
    with pytest.raises(ConfigurationError, match="hyperparameter 'seed'"):
        seeds.seed(environment)


def test_a_job_is_not_told_that_its_seed_is_ignored(job: JobFolder) -> None:
    given = job.hyperparameters(seed=7, epoch=3).code(train_py="def train(epochs=1): ...\n")
    ended = given.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert "does not take hyperparameter 'epoch'" in ended.stderr
    assert "'seed'" not in ended.stderr
