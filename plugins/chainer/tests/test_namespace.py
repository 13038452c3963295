"""``smc.chainer``: the functions of Chainer, and what is said where they are not to be had."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest

import smc_chainer
from smc_chainer import framework
from smc_core.environment import fields
from smc_core.kit import is_installed
from smc_core.testing.fixtures import RunPython

needs_chainer = pytest.mark.skipif(not is_installed("chainer"), reason="Chainer is not installed")


class Scheme:
    """As ``torch.per_tensor_affine``: a name, and no word of the module that has it."""

    __module__ = None  # type: ignore[assignment]

    def __reduce__(self) -> str:
        return "SCHEME"


@pytest.fixture
def without_chainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image that has no Chainer."""
    monkeypatch.setattr(framework, "is_installed", set().__contains__)


def test_an_environment_is_made_without_a_validator(run_python: RunPython, tmp_path: Path) -> None:
    code = (
        "import sys; from smc_core.testing import JobFolder, PluginManager\n"
        "PluginManager(JobFolder(sys.argv[1])).register('chainer').create_environment(); print(*sys.modules)"
    )
    loaded = run_python(code, tmp_path).stdout.split()
    assert "smc_chainer.environment" in loaded
    assert "pydantic" not in loaded


@needs_chainer
def test_broadcast_to_as_the_design_has_it(run_python: RunPython) -> None:
    ended = run_python(
        "import sys, numpy as np, smc_core as smc\n"
        "assert 'chainer' not in sys.modules\n"
        "y = smc.chainer.broadcast_to(np.array([1, 2, 3], 'f'), (2, 3))\n"
        "print(type(y).__module__, y.array.tolist())"
    )
    assert ended.stdout == "chainer.variable [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]\n"


@needs_chainer
def test_every_function_of_chainer_is_there_under_its_own_name(run_python: RunPython) -> None:
    ended = run_python(
        "import chainer.functions as F, smc_core as smc\n"
        "names = [n for n in dir(smc.chainer) if n not in ('Environment', 'load_model')]\n"
        "assert all(getattr(smc.chainer, n) is getattr(F, n) for n in names)\n"
        "print(len(names), {'relu', 'softmax_cross_entropy', 'broadcast_to'} <= set(names))"
    )
    count, known = ended.stdout.split()
    assert int(count) > 150
    assert known == "True"


@needs_chainer
def test_a_function_that_chainer_has_not_names_the_nearest(run_python: RunPython) -> None:
    ended = run_python("import smc_core as smc; smc.chainer.brodcast_to", expect=1)
    last = ended.stderr.splitlines()[-1]
    assert last == (
        "AttributeError: neither smc.chainer nor chainer.functions has 'brodcast_to'. Did you mean: 'broadcast_to'?"
    )


def test_a_function_without_chainer(without_chainer: None) -> None:
    with pytest.raises(AttributeError) as caught:
        _ = smc_chainer.broadcast_to
    assert str(caught.value) == (
        "smc.chainer.broadcast_to needs Chainer, which is not installed: pip install 'smc-chainer[framework]'"
    )


def test_pickle_which_asks_every_module_for_a_name_goes_on_without_chainer(
    without_chainer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of a quantized PyTorch model hold such an object, and were lost."""
    late = ModuleType("late")
    late.SCHEME = Scheme()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "late", late)  # behind smc_chainer
    assert pickle.loads(pickle.dumps(late.SCHEME)) is late.SCHEME


def test_the_plugins_own_names_without_chainer(without_chainer: None) -> None:
    assert dir(smc_chainer) == ["Environment", "load_model"]
    assert "num_processes" in fields(smc_chainer.Environment)


def test_loading_without_chainer_says_so(without_chainer: None) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"smc\.chainer\.load_model needs Chainer, which is not installed"):
        smc_chainer.load_model(object(), "model")


def test_what_python_asks_of_every_module_imports_nothing(without_chainer: None) -> None:
    assert not hasattr(smc_chainer, "__wrapped__")
