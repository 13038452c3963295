"""What ``train`` asks for is known from its source, and checked before anything of its module runs."""

import ast
from pathlib import Path

import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.functions import signature
from smc_core.source.signature import described
from smc_core.testing import JobFolder
from smc_core.train_function import check_loaded, check_source


@pytest.fixture
def env(job: JobFolder) -> Environment:
    job.channel("training")
    job.channel("validation")
    job.raw_hyperparameters({"epochs": "5", "learning-rate": "0.10", "layers": "[64, 32]", "name": "x"})
    return Environment.create(base_dir=str(job.base), environ={})


def check(source: str, env: Environment, **environ: str) -> str | None:
    return check_source(ast.parse(source), "/code/train.py", env, environ)


ALL = "epochs, learning_rate, layers, name, training_dir, validation_dir"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("epoch", "train() (train.py:1) cannot be called: nothing provides 'epoch' (did you mean 'epochs'?)"),
        ("epochs, /, epoch", "nothing provides 'epoch'"),
        ("*, epoch", "nothing provides 'epoch'"),
        ("name: int", "'name': hyperparameter 'name' is 'x', not int"),
        ("name: 'int | None'", "hyperparameter 'name' is 'x'"),
        ("learning_rate: int, epoch: int", "hyperparameter 'learning-rate' is 0.1, not int"),
        ("layers: list[bool]", "hyperparameter 'layers' is [64, 32], not list[bool]"),
        (
            "train_dir",
            "nothing provides 'train_dir' (did you mean 'training_dir'? "
            "channels: training, validation; -c train=... adds one)",
        ),
        ("zzzzzz_dir", "nothing provides 'zzzzzz_dir' (channels: training, validation; -c zzzzzz=... adds one)"),
    ],
)
def test_a_call_that_cannot_be_is_refused(env: Environment, parameters: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(f"def train({parameters}): ...\nraise SystemExit('the module has run')", env)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        f"def train({ALL}): ...",
        f"async def train({ALL}, warmup=0): ...",
        "def train(**kwargs): ...",
        "def train(env): ...",
        "def train(hyperparameters, channel_dirs): ...",
        "def train(hps, input_data_dir): ...",
        "def train(epochs: Whatever, hps, base_dir): ...",
        "from typing import Optional\ndef train(epochs: Optional[int], hps, base_dir): ...",
        "class int: ...\ndef train(name: int, hps, base_dir): ...",
        "import os\ndef train():\n    return os.environ['SM_HP_EPOCHS']",
        "import sys\ndef train():\n    return sys.argv",
        "def train():\n    return open('/opt/ml/input/config/hyperparameters.json')",
        "import smc_core as smc\ndef train():\n    return smc.Environment.create()",
        "@decorated\ndef train(whatever): ...",
        "def train(whatever): ...\ntrain = decorated(train)",
        "if fast:\n    def train(whatever): ...",
        "from mylib import train",
        "def train(whatever): ...\nfrom mylib import *",
        "train = lambda whatever: None",
    ],
)
def test_what_is_right_or_not_shown_passes_without_a_word(env: Environment, source: str) -> None:
    assert check(source, env) is None
    assert check(source, env, SMC_STRICT="1") is None


def test_what_nobody_takes_is_told_with_the_nearest_name(env: Environment) -> None:
    source = "def train(epoch=3, learning_rate=0.1, training_dir=None): ..."
    line = (
        "train() (train.py:1) does not take hyperparameter 'epochs' (did you mean 'epoch'?), hyperparameter 'layers', "
        "hyperparameter 'name', channel 'validation'"
    )
    assert check(source, env) == f"{line}: ignored (SMC_STRICT=1 refuses it)"
    with pytest.raises(ConfigurationError) as caught:
        check(source, env, SMC_STRICT="1")
    assert str(caught.value) == f"{line}; name it as a parameter, or unset SMC_STRICT"


def test_what_a_plugin_takes_and_where_the_code_lies_are_taken(env: Environment) -> None:
    env = env.extend(module_dir=env.channel_dirs["training"] + "/sourcedir.tar.gz")
    tree = ast.parse("def train(learning_rate, layers, name): ...")
    told = check_source(tree, "train.py", env, {}, {"epochs"}) or ""
    assert "'epochs'" not in told
    assert "'training'" not in told
    assert "channel 'validation'" in told


def test_a_function_that_its_source_does_not_show_is_checked_when_it_is_loaded(
    env: Environment, tmp_path: Path
) -> None:
    import types

    path = tmp_path / "wrapped.py"
    path.write_text("def fit(epoch=1, **rest): ...\ndef fits(epoch=1): ...\ntrain = some(fits)\n")
    module = types.ModuleType("wrapped")
    module.__file__ = str(path)

    def fits(epoch: int = 1) -> None: ...

    def fit(epoch: int = 1, **rest: object) -> None: ...

    module.train = fits  # type: ignore[attr-defined]
    told = check_loaded(module, env, {})
    assert told is not None
    assert "does not take hyperparameter 'epochs' (did you mean 'epoch'?)" in told
    module.train = fit  # type: ignore[attr-defined]
    assert check_loaded(module, env, {}) is None
    module.train = fits  # type: ignore[attr-defined]
    path.write_text("def train(epoch=1): ...\n")
    assert check_loaded(module, env, {}) is None  # its source has been checked


def test_what_the_source_shows_is_what_python_sees() -> None:
    source = (
        "from typing import Optional\nfrom pathlib import Path\n"
        "def train(a, b: int, /, c: 'str', d: float = 1, *rest: int, e: list[int], f: Optional[Path] = None, **more): ..."
    )
    found = described(ast.parse(source), "train")
    namespace: dict[str, object] = {}
    exec(source, namespace)
    seen = signature(namespace["train"])  # type: ignore[arg-type]
    assert found is not None
    assert list(found.parameters) == list(seen.parameters)
    assert found.takes_all is seen.takes_all is True
    assert found.annotations == seen.annotations
    for name, parameter in seen.parameters.items():
        shown = found.parameters[name]
        assert (shown.kind, shown.default is shown.empty) == (parameter.kind, parameter.default is parameter.empty)
