"""A corpus of odd models: each is saved and read back, and every value is what it was."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from smc_core.errors import UserCodeError
from smc_core.kit import is_installed
from smc_core.testing.fixtures import RunPython
from smc_pytorch import formats, models, states, wrappers

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn
from torch.nn.utils import parametrizations

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse CSR tensor support is in beta", "ignore:TypedStorage is deprecated"
)
MIB = 1 << 20
FULL = """
import resource, signal, sys
from smc_pytorch import formats
import torch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    formats.write_tensors({"weight": torch.zeros(1_000_000)}, sys.argv[1] + "/model.pt")
except Exception as error:
    print(type(error).__name__, error)
"""


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)
        self.up.weight = self.down.weight


class Windows(nn.Module):
    """Buffers that are views of 8 MB of data: 15 numbers, a column, and the same 15 once more."""

    def __init__(self) -> None:
        super().__init__()
        data = torch.arange(2.0 * MIB).reshape(-1, 2)
        self.register_buffer("first", data[7:12].flatten()[:9])
        self.register_buffer("column", data[:5, 1])
        self.register_buffer("again", self.first)


class Flat(nn.Module):
    """Parameters that are parts of one memory, as cuDNN's are, and one that is the other transposed."""

    def __init__(self) -> None:
        super().__init__()
        memory = torch.randn(24)
        self.a, self.b = nn.Parameter(memory[:12].view(3, 4)), nn.Parameter(memory[12:].view(4, 3))
        self.register_buffer("turned", self.a.detach().t())


class OwnOrigMod(nn.Module):
    """As of a library that keeps what it was made of; ``module`` is one of DDP's names."""

    def __init__(self) -> None:
        super().__init__()
        self._orig_mod, self.module, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)


class Hooked(nn.Module):
    """Nothing of it can be pickled but its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.log = nn.Linear(4, 2), io.StringIO()
        self.lock = contextlib.ExitStack()
        self.act = lambda x: torch.relu(x)
        self.net.register_forward_hook(lambda module, given, result: result * 2)


class Weights(nn.Module):
    def __init__(self, **buffers: torch.Tensor) -> None:
        super().__init__()
        self.net = nn.Linear(4, 2)
        for name, value in buffers.items():
            self.register_buffer(name, value)


class Remembers(nn.Module):
    """It has a state of its own beside its tensors."""

    def __init__(self, seen: int = 0) -> None:
        super().__init__()
        self.net, self.seen = nn.Linear(4, 2), {"seen": seen}

    def get_extra_state(self) -> Any:
        return self.seen

    def set_extra_state(self, state: Any) -> None:
        self.seen = state


def quantized() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))


def parametrized() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), parametrizations.orthogonal(nn.Linear(4, 4)))


def pruned() -> nn.Module:
    from torch.nn.utils import prune

    return nn.Sequential(prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5))


def averaged() -> Any:
    return torch.optim.swa_utils.AveragedModel(nn.Sequential(nn.Linear(4, 2)))


def compiled() -> Any:
    return torch.compile(nn.Sequential(nn.Linear(4, 2)), backend="eager")


def parallel() -> Any:
    return nn.DataParallel(nn.Sequential(nn.Linear(4, 2)))


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 2))


def expanded() -> nn.Module:
    return Weights(mask=torch.ones(1).expand(MIB))


def conjugate() -> nn.Module:
    return Weights(
        spectrum=torch.randn(3, dtype=torch.complex64).conj(), minus=torch.randn(3, dtype=torch.complex64).conj().imag
    )


ODD: dict[str, tuple[Callable[[], Any], Callable[[], Any], bool]] = {
    "tied": (Tied, Tied, True),
    "views": (Windows, Windows, True),
    "flat": (Flat, Flat, True),
    "own _orig_mod": (OwnOrigMod, OwnOrigMod, True),
    "hooks that do not pickle": (Hooked, Hooked, True),
    "sparse": (
        lambda: Weights(graph=torch.eye(3).to_sparse()),
        lambda: Weights(graph=torch.zeros(3, 3).to_sparse()),
        False,
    ),
    "csr": (
        lambda: Weights(graph=torch.eye(3).to_sparse_csr()),
        lambda: Weights(graph=torch.eye(3).to_sparse_csr()),
        False,
    ),
    "complex": (
        lambda: Weights(phase=torch.randn(3, dtype=torch.complex128)),
        lambda: Weights(phase=torch.zeros(3, dtype=torch.complex128)),
        False,
    ),
    "conjugate": (conjugate, conjugate, True),
    "expanded": (expanded, lambda: Weights(mask=torch.zeros(MIB)), True),
    "empty": (
        lambda: Weights(none=torch.zeros(0), nothing=torch.zeros(0, 3)),
        lambda: Weights(none=torch.zeros(0), nothing=torch.zeros(0, 3)),
        True,
    ),
    "half": (lambda: plain().half(), lambda: plain().half(), True),
    "bfloat16": (lambda: plain().bfloat16(), lambda: plain().bfloat16(), True),
    "float8": (
        lambda: Weights(scale=torch.randn(4).to(torch.float8_e4m3fn)),
        lambda: Weights(scale=torch.zeros(4).to(torch.float8_e4m3fn)),
        True,
    ),
    "quantized": (quantized, quantized, False),
    "parametrized": (parametrized, parametrized, True),
    "pruned": (pruned, pruned, True),
    "averaged": (averaged, plain, True),
    "compiled": (compiled, plain, True),
    "compiled and parallel": (lambda: nn.DataParallel(compiled()), plain, True),
    "parallel": (parallel, plain, True),
    "averaged in a part": (lambda: nn.Sequential(averaged()), lambda: nn.Sequential(plain()), True),
    "state of its own": (lambda: Remembers(41), Remembers, False),
    "frozen": (lambda: plain().requires_grad_(False), plain, True),
}
"""Name → the model, one of the same architecture to load it into, and whether safetensors knows all of it."""


@pytest.fixture(autouse=True)
def _compilers_variables() -> Iterator[None]:
    """The compiler sets the folder of its cache."""
    with mock.patch.dict(os.environ):
        yield


def save(model: Any, folder: Path) -> str:
    return models.save(model, ModuleType("train"), str(folder), writes=True)


def values(state: Any) -> list[Any]:
    """What is in a state dict, in a form that compares."""
    return [_value(each) for each in (state.values() if isinstance(state, dict) else state)]


def _value(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return values(value) if isinstance(value, (tuple, list)) else value
    if value.is_quantized:
        return [str(value.dtype), value.q_scale(), value.int_repr().tolist()]
    if value.layout != torch.strided:
        value = value.to_dense()
    return [str(value.dtype), value.to(torch.complex128).tolist()]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("name", ODD)
def test_an_odd_model_is_read_back_as_it_was(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make, fresh, all_tensors = ODD[name]
    model = make()
    before = values(wrappers.unwrap(model).state_dict())
    with caplog.at_level("INFO", "smc.pytorch"):
        assert save(model, tmp_path) == str(tmp_path / "model.pt")
    expected = states.state_of(wrappers.unwrap(model))
    assert values(expected) == before or name == "averaged in a part"
    files = ["model.pt", "model.safetensors"] if all_tensors else ["model.pt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert ("not saved as model.safetensors" in caplog.text) is not all_tensors
    for file in files:
        loaded = models.load_model(fresh(), tmp_path / file)
        assert list(loaded.state_dict()) == list(expected)
        assert values(loaded.state_dict()) == values(expected)


def test_a_view_takes_no_data_of_others_along(tmp_path: Path) -> None:
    save(Windows(), tmp_path)
    assert size(tmp_path) < 10_000
    state = models.load_state_dict(tmp_path)
    assert state["first"].data_ptr() == state["again"].data_ptr()


def test_what_shares_memory_goes_on_doing_so(tmp_path: Path) -> None:
    for model, one, other in ((Tied(), "up.weight", "down.weight"), (Flat(), "a", "turned")):
        save(model, tmp_path)
        state = models.load_state_dict(tmp_path / "model.pt")
        assert state[one].data_ptr() == state[other].data_ptr()
    assert state["a"].untyped_storage().data_ptr() == state["b"].untyped_storage().data_ptr()
    assert expanded().get_buffer("mask").numel() == MIB
    save(expanded(), tmp_path / "expanded")
    assert (tmp_path / "expanded/model.pt").stat().st_size < 10_000


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 2), nn.LazyLinear(3)), "1.weight, 1.bias"),
        (lambda: nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 3, device="meta")), "1.weight, 1.bias"),
        (
            lambda: nn.Sequential(nn.Linear(4, 2), *(nn.Linear(2, 2, device="meta") for _ in range(4))),
            "1.weight, 1.bias, 2.weight, 2.bias and 4 more",
        ),
    ],
    ids=["lazy", "meta", "many"],
)
def test_what_has_no_data_is_named_and_the_rest_is_saved(
    odd: Any, named: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = odd()
    save(model, tmp_path)
    for file in ("model.pt", "model.safetensors"):
        state = models.load_state_dict(tmp_path / file)
        assert sorted(state) == ["0.bias", "0.weight"]
        assert torch.equal(state["0.weight"], model[0].weight)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [f"not saved, as without data (lazy, or on the meta device): {named}"]


def test_a_model_without_any_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match=r"the model has no data, as its tensors are lazy, .* weight, bias"):
        save(nn.Linear(4, 2, device="meta"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_train_returned_is_saved_as_it_is(tmp_path: Path) -> None:
    example = (torch.ones(2, 4),)
    program = torch.export.export(nn.Linear(4, 3), example)
    assert formats.is_program(program)
    assert not formats.is_program(nn.Linear(4, 3))
    path = formats.save_program(program, str(tmp_path), writes=False)
    assert not os.path.exists(path)
    assert formats.save_program(program, str(tmp_path), writes=True) == path == str(tmp_path / "model.pt2")
    assert torch.equal(torch.export.load(path).module()(*example), program.module()(*example))


def test_a_tensor_whose_class_cannot_be_pickled_is_saved_as_a_plain_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Local(torch.Tensor):
        pass

    model = nn.Linear(2, 1)
    model.register_buffer("scale", torch.ones(3).as_subclass(Local))
    save(model, tmp_path)
    for file in ("model.pt", "model.safetensors"):
        assert torch.equal(models.load_state_dict(tmp_path / file)["scale"], torch.ones(3))
    assert "saved as plain tensors, as their class cannot be pickled: scale" in caplog.text


def test_a_state_of_its_own_that_cannot_be_pickled_is_named_and_the_rest_is_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Remembers()
    model.seen = {"file": io.TextIOWrapper(io.BytesIO())}  # type: ignore[dict-item]
    save(model, tmp_path)
    assert torch.equal(models.load_state_dict(tmp_path)["net.weight"], model.net.weight)
    assert "not saved, as it cannot be pickled: _extra_state: TypeError" in caplog.text


def test_a_disk_that_is_full_is_said_and_not_a_position_in_the_file(tmp_path: Path, run_python: RunPython) -> None:
    ended = run_python(FULL, tmp_path)
    assert ended.stdout == f"OSError [Errno 27] File too large: '{tmp_path}/model.pt'\n"


def test_torchscript_stays_torchscript(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level("INFO", "smc.pytorch"):
        warnings.simplefilter("ignore")
        model = torch.jit.script(nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
        save(model, tmp_path)
        loaded = torch.jit.load(tmp_path / "model.ts")
    example = torch.randn(3, 4)
    assert torch.equal(loaded(example), model(example))
    assert torch.equal(models.load_model(plain(), tmp_path / "model.pt")[0].weight, model.state_dict()["0.weight"])
    assert "saved as TorchScript: model.ts" in caplog.text  # and no folder, which may not be the last one


@pytest.mark.parametrize("wrap", [lambda model: model, nn.DataParallel], ids=["plain", "wrapped"])
def test_a_model_of_transformers_is_loaded_by_from_pretrained(wrap: Any, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config)
    (tmp_path / "own.txt").write_text("of the job's")
    assert save(wrap(model), tmp_path) == str(tmp_path)
    assert {"config.json", "model.safetensors", "own.txt"} <= {path.name for path in tmp_path.iterdir()}
    assert not list(tmp_path.glob(".*"))
    loaded = transformers.GPT2LMHeadModel.from_pretrained(tmp_path)
    ours = models.load_model(transformers.GPT2LMHeadModel(config), tmp_path)
    for other in (loaded, ours):  # the head is tied, and its weight in the file once
        assert values(other.state_dict()) == values(model.state_dict())


def test_a_file_for_each_part_of_a_large_model(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config)
    model.save_pretrained(tmp_path, max_shard_size="2KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    loaded = models.load_model(transformers.GPT2LMHeadModel(config), tmp_path)
    assert values(loaded.state_dict()) == values(model.state_dict())


def test_a_save_pretrained_that_fails_leaves_the_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(nn.Linear):
        def save_pretrained(self, folder: str) -> None:
            Path(folder, "config.json").write_text("{")
            raise TypeError("Object of type dtype is not JSON serializable")

    model = Broken(4, 2)
    assert save(model, tmp_path) == str(tmp_path / "model.pt")
    assert torch.equal(models.load_model(nn.Linear(4, 2), tmp_path).weight, model.weight)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.safetensors"]
    assert "Broken.save_pretrained() failed: TypeError: Object of type dtype" in caplog.text


def test_a_module_of_lightning(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")

    class Net(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, width: int = 3) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Linear(4, width)

    model = Net()
    save(model, tmp_path)
    assert values(models.load_model(Net(), tmp_path).state_dict()) == values(model.state_dict())


@pytest.mark.parametrize("form", ["flat", "checkpoint"])
def test_a_state_dict_is_saved_as_it_is(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    sgd = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.ones(3, 4)).sum().backward()
    sgd.step()
    returned: Any = (
        model.state_dict()
        if form == "flat"
        else {"model": model.state_dict(), "sgd": sgd.state_dict(), "epoch": 3, "big": torch.zeros(MIB)[:3]}
    )
    assert states.is_state_dict(returned)
    with caplog.at_level("INFO", "smc.pytorch"):
        models.save_state(returned, str(tmp_path), writes=True)
    read = torch.load(tmp_path / "model.pt", weights_only=True)
    assert list(read) == list(returned)
    assert (tmp_path / "model.pt").stat().st_size < 20_000
    assert "train() returned a mapping of" in caplog.text
    if form == "flat":
        assert values(
            models.load_model(nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), tmp_path).state_dict()
        ) == values(returned)
        assert read._metadata == returned._metadata
    else:
        assert values(read["model"]) == values(model.state_dict())
        assert torch.equal(read["sgd"]["state"][0]["momentum_buffer"], sgd.state_dict()["state"][0]["momentum_buffer"])
        assert read["epoch"] == 3


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"loss": 0.5},
        {"loss": [1.0]},
        {1: torch.ones(1)},
        [torch.ones(1)],
        {"model": nn.Linear(1, 1), "x": torch.ones(1)},
        None,
    ],
)
def test_what_is_no_state_dict(other: Any) -> None:
    assert not states.is_state_dict(other)
