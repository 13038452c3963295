"""Models saved in one process, and found again."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_pytorch import models, plugin
from smc_pytorch.environment import Environment

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)).eval()


def save(model: nn.Module, folder: Path, *, writes: bool = True, **names: Any) -> str:
    module = ModuleType("train")
    vars(module).update(names)
    return models.save(model, module, str(folder), writes=writes)


def same(left: nn.Module, right: nn.Module) -> bool:
    example = torch.arange(8.0).reshape(2, 4)
    return torch.equal(left(example), right(example))


def test_a_saved_model_predicts_the_same(tmp_path: Path) -> None:
    model = network()
    assert save(model, tmp_path) == str(tmp_path / "model.pt")
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", "model.safetensors"}
    for path in (tmp_path, tmp_path / "model.pt", tmp_path / "model.safetensors"):
        assert same(models.load_model(network(), path), model)


def test_the_file_holds_tensors_and_no_code(tmp_path: Path) -> None:
    save(network(), tmp_path)
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert set(state) == set(network().state_dict())


def test_another_architecture_is_an_error_that_lists_the_differences(tmp_path: Path) -> None:
    save(network(), tmp_path)
    with pytest.raises(RuntimeError, match=r"0\.weight"):
        models.load_model(nn.Sequential(nn.Linear(5, 8)), tmp_path)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no PyTorch model at"):
        models.load_state_dict(tmp_path)


def test_what_wraps_the_model_is_left_out(tmp_path: Path) -> None:
    model = network()
    with mock.patch.dict(os.environ):  # the compiler sets the folder of its cache
        save(torch.compile(nn.DataParallel(model), backend="eager"), tmp_path)  # type: ignore[arg-type]
    assert same(models.load_model(network(), tmp_path), model)


def test_what_wraps_a_part_of_the_model_is_left_out_of_the_names(tmp_path: Path) -> None:
    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    model, plain = nn.ModuleDict({"net": Part()}), nn.ModuleDict({"net": Part()})
    wrapped: Any = model["net"]
    weight = wrapped.layers[0].weight
    names, versions = list(model.state_dict()), dict(model.state_dict()._metadata)
    with mock.patch.dict(os.environ):
        wrapped.layers = torch.compile(wrapped.layers, backend="eager")
        model["net"] = nn.DataParallel(wrapped)
    save(model, tmp_path)
    assert list(torch.load(tmp_path / "model.pt", weights_only=True)) == names
    assert dict(torch.load(tmp_path / "model.pt", weights_only=True)._metadata) == versions
    assert torch.equal(models.load_model(plain, tmp_path)["net"].layers[0].weight, weight)


@pytest.mark.parametrize(
    "tensor", [torch.eye(3).to_sparse(), torch.ones(2, dtype=torch.complex128)], ids=["sparse", "complex"]
)
def test_what_safetensors_does_not_know_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tensor: torch.Tensor
) -> None:
    model = network()
    model.register_buffer("graph", tensor)
    with caplog.at_level("INFO", "smc.pytorch"):
        save(model, tmp_path)
    loaded = models.load_state_dict(tmp_path)["graph"]
    assert loaded.layout == tensor.layout
    assert torch.equal(loaded.to_dense(), tensor.to_dense())
    assert "not saved as model.safetensors: " in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_weights_that_are_shared_are_saved_in_both_formats(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 4)
            self.up.weight = self.down.weight

    model = Tied()
    save(model, tmp_path)
    for name in ("model.pt", "model.safetensors"):
        loaded = models.load_model(Tied(), tmp_path / name)
        assert torch.equal(loaded.up.weight, model.down.weight)


@pytest.mark.parametrize("given", ["function", "value", "attribute"])
def test_an_example_input_makes_a_program_for_any_batch_size(tmp_path: Path, given: str) -> None:
    model, example = network().train(), torch.zeros(2, 4)
    names = {"function": {"example_input": lambda model: (example,)}, "value": {"example_input": example}}
    if given == "attribute":
        model.example_input = example
    save(model, tmp_path, **names.get(given, {}))
    assert model.training
    program = torch.export.load(tmp_path / "model.pt2").module()
    model.eval()
    for count in (1, 2, 7):
        assert torch.allclose(program(torch.ones(count, 4)), model(torch.ones(count, 4)))


def test_what_cannot_be_exported_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "smc.pytorch"):
        save(network(), tmp_path, example_input=torch.zeros(2, 5))
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", "model.safetensors"}
    said = [record.getMessage() for record in caplog.records if record.name == "smc.pytorch"]
    assert len(said) == 1
    assert said[0].startswith("not exported for serving: ")
    assert "\n" not in said[0]


def test_one_that_does_not_write_writes_nothing(tmp_path: Path) -> None:
    assert save(network(), tmp_path, writes=False) == str(tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_keras_model_is_left_to_its_own_plugin(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model(nn.Module):
        """As Keras's is, on PyTorch."""

    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(Model=Model))  # type: ignore[arg-type]
    environment = Environment.create(base_dir=str(job.base))
    assert plugin.save_model(environment, ModuleType("train"), Model()) is None
    assert plugin.save_model(environment, ModuleType("train"), network()) is not None
