"""Calling a user's function with what it asks for."""

import sys
import types
from pathlib import Path
from typing import Any, Optional

import pydantic
import pytest

from smc_core import functions
from smc_core.environment import Environment
from smc_core.errors import CodeError, ConfigurationError
from smc_core.functions import call, call_with_env, execute, intersect_fn_args, signature
from smc_core.testing import JobFolder


@pytest.fixture
def env(job: JobFolder) -> Environment:
    job.channel("training")
    job.channel("my-val.v1")
    job.raw_hyperparameters(
        {
            "epochs": "5",
            "learning-rate": "0.10",
            "optimizer": '"adam"',
            "version": "1.10",
            "layers": "[64, 32]",
            "amp": "True",
            "nothing": "null",
            "model_dir": "a hyperparameter of that name",
            "api_token": "hunter2",
        }
    )
    return Environment.create(base_dir=str(job.base))


def test_the_customer_function_of_the_seed(env: Environment) -> None:
    def train(training_dir, hyperparameters):  # type: ignore[no-untyped-def]
        return training_dir, hyperparameters["epochs"]

    assert call(train, environment=env) == (env.channel_dirs["training"], 5)
    assert call_with_env is call


def test_what_can_be_asked_for(env: Environment) -> None:
    def train(environment, env, model_dir, num_gpus, my_val_v1_dir, hps, learning_rate, layers):  # type: ignore[no-untyped-def]
        return locals()

    given = call(train, env)
    assert given["environment"] is given["env"] is env
    assert given["model_dir"] == env.model_dir  # a field goes before a hyperparameter
    assert given["num_gpus"] == env.gpu_count
    assert given["my_val_v1_dir"] == env.channel_dirs["my-val.v1"]
    assert given["hps"] == env.hps
    assert given["learning_rate"] == 0.1
    assert given["layers"] == [64, 32]


def test_fields_of_a_plugin_can_be_asked_for(env: Environment) -> None:
    class WithWorld(Environment):
        world_size: int

        @property
        def double(self) -> int:
            return 2 * self.world_size

    assert call(lambda world_size, double: (world_size, double), env.extend(WithWorld, world_size=4)) == (4, 8)


class Settings(pydantic.BaseModel):
    epochs: int
    learning_rate: float
    optimizer: str = "sgd"


def test_annotations_convert(env: Environment) -> None:
    def train(
        epochs: float,
        version: str,
        optimizer: str,
        training_dir: Path,
        amp: bool,
        nothing: Optional[int],  # noqa: UP045 - users write it so
        layers: tuple[int, ...],
        hyperparameters: Settings,
        environment: Environment,
        anything: Any = 1,
    ) -> dict[str, Any]:
        return locals()

    given = call(train, env)
    assert isinstance(given["epochs"], float)
    assert given["version"] == "1.10"
    assert given["optimizer"] == "adam"
    assert given["training_dir"] == Path(env.channel_dirs["training"])
    assert given["amp"] is True
    assert given["nothing"] is None
    assert given["layers"] == (64, 32)
    assert given["hyperparameters"] == Settings(epochs=5, learning_rate=0.1, optimizer="adam")


def test_an_annotation_that_cannot_be_read_converts_nothing(env: Environment) -> None:
    class Foreign:
        pass

    def train(epochs: "NotImported", training_dir: Foreign) -> Any:  # type: ignore[name-defined] # noqa: F821
        return epochs, training_dir

    assert call(train, env) == (5, env.channel_dirs["training"])


def test_defaults_stay_and_kwargs_get_everything(env: Environment) -> None:
    def train(epochs, steps=7, *args, **kwargs):  # type: ignore[no-untyped-def]
        return epochs, steps, args, kwargs

    epochs, steps, args, rest = call(train, env)
    assert (epochs, steps, args) == (5, 7, ())
    assert rest["optimizer"] == "adam"
    assert rest["training_dir"] == env.channel_dirs["training"]
    assert "epochs" not in rest


def test_positional_only_parameters(env: Environment) -> None:
    def train(epochs, /, optimizer):  # type: ignore[no-untyped-def]
        return epochs, optimizer

    assert call(train, env) == (5, "adam")


def test_all_problems_are_told_at_once_with_the_nearest_name(env: Environment) -> None:
    def train(epoch, learning_rate: int, optimizer: float, hyperparameters: "Strict", training_dir):  # type: ignore[no-untyped-def, name-defined] # noqa: F821
        raise AssertionError("it must not be begun")

    with pytest.raises(ConfigurationError) as caught:
        call(train, env)
    message = str(caught.value)
    assert "train() (test_functions.py:" in message
    assert "nothing provides 'epoch' (did you mean 'epochs'?)" in message
    assert "hyperparameter 'learning-rate' is 0.1, not int" in message
    assert "hyperparameter 'optimizer' is 'adam', not float" in message
    assert len(message.splitlines()) == 1


def test_a_model_that_does_not_fit_names_its_fields(env: Environment) -> None:
    class Strict(pydantic.BaseModel):
        epochs: bool
        momentum: float

    def train(hyperparameters: Strict) -> None: ...

    with pytest.raises(ConfigurationError, match=r"epochs: .*momentum: Field required"):
        functions.call(_with_hints(train, hyperparameters=Strict), env)


def test_a_secret_is_not_told(env: Environment) -> None:
    def train(api_token: int) -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        call(train, env)
    assert "hunter2" not in str(caught.value)


def test_a_plain_mapping_will_do() -> None:
    assert call(lambda a, b=2: (a, b), {"a": 1}) == (1, 2)
    assert intersect_fn_args(lambda a: a, {"a": 1, "c": 3}) == {"a": 1}
    assert intersect_fn_args(lambda a, **rest: a, {"a": 1, "c": 3})["c"] == 3


def test_signature() -> None:
    def train(epochs: int, *args: int, lr: float = 0.1, **kwargs: str) -> None: ...

    found = signature(train)
    assert list(found.parameters) == ["epochs", "lr"]
    assert found.annotations == {"epochs": int, "lr": float}
    assert found.takes_all
    with pytest.raises(ConfigurationError, match="cannot be called by name"):
        signature(3)  # type: ignore[arg-type]


def test_execute_runs_a_function_a_module_or_a_name(env: Environment) -> None:
    module = types.ModuleType("keras_container_start")
    module.main = lambda epochs: ("main", epochs)  # type: ignore[attr-defined]
    module.start = lambda optimizer: ("start", optimizer)  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        assert execute(lambda epochs: epochs, env) == 5
        assert execute(module, env) == ("main", 5)
        assert execute("keras_container_start", env) == ("main", 5)
        assert execute("keras_container_start:start", env) == ("start", "adam")
        assert execute("keras_container_start.start", env) == ("start", "adam")
        with pytest.raises(CodeError, match="has no function 'stop'"):
            execute("keras_container_start:stop", env)
    finally:
        del sys.modules[module.__name__]
    with pytest.raises(ConfigurationError, match="neither train"):
        execute(types.ModuleType("empty"), env)


def _with_hints(function: Any, **hints: Any) -> Any:
    function.__annotations__.update(hints)
    return function
