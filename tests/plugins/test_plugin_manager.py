"""The hooks of a plugin, called in a test's own process: as in a job, and without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smc_core import Command, Environment, TrainResult, hookimpl
from smc_core.errors import CodeError, PluginError, PluginLoadError
from smc_core.testing import PluginManager

PLAIN = Command(("python", "train.py"), {"MINE": "kept"}, "/", "script")


class GpuEnvironment(Environment):
    """With a field that follows from the machine."""

    world_size: int


class Lines:
    """A plugin with an answer to most hooks."""

    @hookimpl(wrapper=True)
    def create_environment(self) -> Generator[None, Environment, Environment]:
        environment = yield
        return environment.extend(GpuEnvironment, world_size=environment.gpu_count * len(environment.hosts))

    @hookimpl
    def job_variables(self, environment: Any) -> dict[str, str]:
        return {"LINES": str(environment.world_size)}

    @hookimpl
    def launch(self, command: Command) -> Command | None:
        if command.environ.get("SMC_LAUNCHER") != "lines":
            return None
        return command.under(["lines", "--"], "lines", {"SEEN": command.environ["LINES"]})

    @hookimpl
    def save_model(self, environment: Environment, model: Any) -> str | None:
        if not isinstance(model, int):
            return None
        path = os.path.join(environment.model_dir, "number")
        if environment.is_primary:
            Path(path).write_text(str(model))
        return path


@pytest.fixture
def lines(plugin_manager: PluginManager) -> PluginManager:
    return plugin_manager.register(Lines())


def test_an_environment_is_of_the_jobs_files_and_the_assumed_machine(lines: PluginManager) -> None:
    lines.job.hosts("algo-1", "algo-2", current="algo-2")
    environment = lines.assume(gpu_count=4).create_environment(RANK="3")
    assert (environment.world_size, environment.current_host, environment.is_first_process) == (8, "algo-2", False)


def test_variables_that_the_user_has_set_win(lines: PluginManager) -> None:
    lines.assume(gpu_count=4)
    assert lines.job_variables() == {"LINES": "4"}
    assert lines.job_variables(LINES="mine") == {}


def test_a_command_is_launched_with_all_variables_of_the_job(lines: PluginManager) -> None:
    command = lines.assume(gpu_count=2).launch(PLAIN, SMC_LAUNCHER="lines", OTHER="given")
    assert (command.argv, command.launcher) == (("lines", "--", "python", "train.py"), "lines")
    expected = {"MINE": "kept", "OTHER": "given", "LINES": "2", "SEEN": "2", "SM_NUM_GPUS": "2"}
    assert {name: command.environ[name] for name in expected} == expected
    assert lines.launch(PLAIN).launcher is None


def test_a_program_is_launched_as_smc_plan_says(lines: PluginManager) -> None:
    lines.job.code(train_py="print(1)").hyperparameters(epochs=3)
    asked = [sys.executable, "-m", "smc_core", "plan", "--json"]
    planned = subprocess.run(asked, env=lines.job.environ("train.py"), capture_output=True, check=True).stdout
    command = lines.launch(SMC_LAUNCHER="lines")
    assert list(command.argv) == ["lines", "--", *json.loads(planned)["argv"]]
    assert command.cwd == str(lines.job.base / "code")
    with pytest.raises(CodeError, match=r"absent\.py"):
        lines.launch("absent.py")
    with pytest.raises(PluginError, match="requires a launcher, but no installed plugin provides it"):
        lines.launch(SMC_LAUNCHER="loom")


def test_the_jobs_code_trains_with_the_jobs_variables_and_folder(lines: PluginManager) -> None:
    code = "import os, other\ndef train(epochs: int): return os.environ['LINES'], os.getcwd(), epochs, other.X\n"
    lines.job.code(train_py=code, other_py="X = 1").hyperparameters(epochs=3)
    trained = lines.assume(gpu_count=2).train().model
    assert trained == ("2", str(lines.job.base / "code"), 3, 1)
    assert {"train", "other"}.isdisjoint(sys.modules)
    lines.job.code_files({"../code/other.py": "X = 22"})
    assert lines.train().model[-1] == 22


def test_a_function_stands_for_the_jobs_code(lines: PluginManager) -> None:
    lines.job.hyperparameters(epochs=3)
    assert lines.train(lambda epochs: epochs) == TrainResult(3)
    assert lines.train(lambda: None) == TrainResult(None)


def test_what_the_users_code_raises_comes_through(lines: PluginManager) -> None:
    with pytest.raises(ZeroDivisionError):
        lines.train(lambda: 1 / 0)
    lines.job.code(train_py="raise ValueError('at import')")
    with pytest.raises(ValueError, match="at import"):
        lines.load_user_module()


def test_a_model_is_saved_by_whoever_knows_it(lines: PluginManager) -> None:
    path = lines.save_model(3)
    assert path is not None
    assert Path(path).read_text() == "3"
    assert lines.save_model("text") is None
    os.remove(path)
    assert lines.save_model(4, RANK="1") == path
    assert not os.path.exists(path)


def test_what_could_not_be_saved_is_kept(lines: PluginManager) -> None:
    kept = lines.keep_model({"a": 1})
    assert kept == str(lines.job.base / "output/data/unsaved-model.pkl")
    assert os.path.exists(kept)


def test_a_path_where_nothing_is_is_the_plugins_fault(plugin_manager: PluginManager) -> None:
    plugin_manager.register(SimpleNamespace(save_model=hookimpl(lambda: "/nowhere/model")), name="liar")
    with pytest.raises(PluginError, match="plugin liar, hook save_model: "):
        plugin_manager.save_model(3)


def test_plugins_are_called_in_the_order_of_their_names(plugin_manager: PluginManager) -> None:
    called = []

    def answer(name: str) -> Any:
        return SimpleNamespace(save_model=hookimpl(lambda: called.append(name)))

    for name in ("b", "a", "c"):
        plugin_manager.register(answer(name), name=name)
    plugin_manager.save_model(object())
    assert called == ["a", "b", "c"]


def test_this_process_is_as_it_was(lines: PluginManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_HOSTS", "another job's")
    before = dict(os.environ), os.getcwd(), list(sys.path)

    def train() -> str:
        os.environ["SET_BY_TRAIN"] = "1"
        del os.environ["PATH"]
        os.chdir("/")
        sys.path.append("/somewhere")
        return os.environ["SM_HOSTS"]

    assert lines.train(train).model != "another job's"
    assert (dict(os.environ), os.getcwd(), sys.path) == before


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"save_modell": lambda: None}, "there is no hook 'save_modell'; the nearest is 'save_model'"),
        ({"save_model": lambda mdl: None}, "asks for 'mdl', not one of environment, module, model"),
    ],
)
def test_what_is_wrong_with_a_plugin_is_said_when_it_is_registered(
    plugin_manager: PluginManager, hooks: Mapping[str, Callable[..., Any]], message: str
) -> None:
    plugin = SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})
    with pytest.raises(PluginLoadError, match=f"plugin broken.*{message}"):
        plugin_manager.register(plugin, name="broken")


def test_an_installed_plugin_is_registered_by_its_name_or_its_module(
    plugin_manager: PluginManager, distributions: Any, bodies: Mapping[str, str], tmp_path: Path, monkeypatch: Any
) -> None:
    distributions.install(tmp_path / "site", [distributions.build(name, bodies[name]) for name in ("world", "timing")])
    monkeypatch.syspath_prepend(tmp_path / "site")
    from smc_world import plugin  # type: ignore[import-not-found]

    assert plugin_manager.register("world").create_environment().world_size == 7
    assert plugin_manager.register(plugin).create_environment().world_size == 7  # the same one: it is not called twice
    with pytest.raises(PluginError, match="no plugin 'word' is installed: pip install -e the distribution under test"):
        plugin_manager.register("word")
    for name in [name for name in sys.modules if name.startswith("smc_world")]:
        del sys.modules[name]
