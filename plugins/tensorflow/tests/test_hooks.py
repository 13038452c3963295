"""The hooks in one process, without TensorFlow: what they add, and what they leave to others."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import smc_tensorflow
from smc_core.command import Command
from smc_core.errors import ConfigurationError
from smc_core.hookspecs import TrainResult
from smc_core.testing import JobFolder, PluginManager
from smc_tensorflow import plugin


@pytest.fixture
def plugins(plugin_manager: PluginManager) -> PluginManager:
    """The core and this plugin."""
    return plugin_manager.register("tensorflow")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow counts as installed."""
    monkeypatch.setattr(plugin, "is_installed", {"tensorflow"}.__contains__)


COMMAND = Command(("python", "script.py", "train.py", "--epochs", "5"), {"LANG": "C"}, "/", "script")
SHELL = Command(("/opt/ml/code/run.sh", "--epochs", "5"), {"LANG": "C"}, "/", "executable")


def launch(
    plugins: PluginManager, job: JobFolder, command: Command = COMMAND, *, name: str = "mwms", **variables: str
) -> Command:
    """The command with its launcher, or as it is."""
    return plugins.launch(command, SMC_LAUNCHER=name, **variables)


def config(command: Command) -> Any:
    return json.loads(command.environ["TF_CONFIG"])


def test_a_mirrored_worker_is_the_plain_process_with_a_cluster(plugins: PluginManager, job: JobFolder) -> None:
    command = launch(plugins, job.hosts("algo-1", "algo-2", current="algo-2"))
    assert (command.argv, command.launcher, command.serves) == (COMMAND.argv, "mwms", False)
    assert config(command) == {
        "cluster": {"worker": ["algo-1:8890", "algo-2:8891"]},
        "task": {"type": "worker", "index": 1},
    }


def test_an_executable_gets_the_cluster_too(plugins: PluginManager, job: JobFolder) -> None:
    command = launch(plugins, job.hosts("algo-1", "algo-2"), SHELL)
    assert (command.argv, command.mode) == (SHELL.argv, "executable")
    assert config(command)["task"] == {"type": "worker", "index": 0}


def test_the_master_runs_the_command_beside_its_servers(plugins: PluginManager, job: JobFolder) -> None:
    command = launch(plugins, job.hosts("algo-1", "algo-2"), name="parameter-server")
    program = (sys.executable, plugin.SERVERS_PROGRAM, "--host", "algo-1", "--serve", "ps:0", "--serve", "worker:0")
    assert command.argv == (*program, "--", *COMMAND.argv)
    assert (command.launcher, command.serves) == ("parameter-server", False)
    assert config(command)["task"] == {"type": "chief", "index": 0}


def test_another_host_only_serves(plugins: PluginManager, job: JobFolder) -> None:
    command = launch(plugins, job.hosts("algo-1", "algo-2", current="algo-2"), name="parameter-server")
    program = (sys.executable, plugin.SERVERS_PROGRAM, "--host", "algo-2", "--serve", "ps:1", "--serve", "worker:1")
    assert command.argv == program
    assert command.serves
    assert config(command)["task"] == {"type": "worker", "index": 1}


@pytest.mark.parametrize(("gpus", "grows"), [(0, None), (1, "true")])
def test_chief_and_worker_share_a_gpu(plugins: PluginManager, job: JobFolder, gpus: int, grows: str | None) -> None:
    plugins.assume(gpu_count=gpus)
    launched = launch(plugins, job.hosts("algo-1"), name="parameter-server")
    assert launched.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == grows


def test_parameter_servers_start_no_executable(plugins: PluginManager, job: JobFolder) -> None:
    job.hosts("algo-1")
    with pytest.raises(ConfigurationError, match=r"launcher parameter-server cannot start run\.sh: it starts Python"):
        launch(plugins, job, SHELL, name="parameter-server", SAGEMAKER_PROGRAM="run.sh")


def test_parameter_servers_without_tensorflow(
    plugins: PluginManager, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "is_installed", set().__contains__)
    with pytest.raises(ConfigurationError, match="needs TensorFlow, which is not installed"):
        launch(plugins, job, name="parameter-server")


@pytest.mark.parametrize("name", ["mwms", "parameter-server"])
def test_what_the_user_set_is_left_as_it_is(plugins: PluginManager, job: JobFolder, name: str) -> None:
    cluster = {"chief": ["algo-1:1"], "worker": ["algo-1:2"], "ps": ["algo-1:3"]}
    text = json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}})
    command = launch(plugins, job.hosts("algo-1"), name=name, TF_CONFIG=text, GRPC_FAIL_FAST="0")
    assert command.environ["TF_CONFIG"] == text
    assert command.environ["GRPC_FAIL_FAST"] == "0"


@pytest.mark.parametrize(
    ("name", "host", "task"),
    [
        ("mwms", "algo-1", {"type": "chief", "index": 0}),
        ("mwms", "algo-2", {"type": "worker", "index": 1}),
        ("parameter-server", "algo-1", {"type": "chief", "index": 0}),
        ("parameter-server", "algo-2", {"type": "worker", "index": 1}),
    ],
)
def test_a_cluster_of_the_user_without_a_task_gets_the_one_of_each_host(
    plugins: PluginManager, job: JobFolder, name: str, host: str, task: dict[str, Any]
) -> None:
    users = {"cluster": {"chief": ["algo-1:1"], "worker": ["algo-3:2", "algo-2:2"]}, "rpc_layer": "grpc"}
    job.hosts("algo-1", "algo-2", "algo-3", current=host)
    command = launch(plugins, job, name=name, TF_CONFIG=json.dumps(users))
    assert config(command) == {**users, "task": task}


def test_a_job_that_asks_for_nothing_has_no_launcher(plugins: PluginManager, job: JobFolder) -> None:
    command = launch(plugins, job.hosts("algo-1", "algo-2"), name="none")
    assert command.launcher is None
    assert "TF_CONFIG" not in command.environ


@pytest.mark.parametrize("environ", [{}, {"SMC_LAUNCHER": "mwms"}, {"TF_CPP_MIN_LOG_LEVEL": ""}])
def test_tensorflow_is_told_to_be_quiet(plugins: PluginManager, environ: dict[str, str]) -> None:
    assert plugins.job_variables(**environ) == {"TF_CPP_MIN_LOG_LEVEL": "1"}


def test_a_log_level_of_the_user_stays(plugins: PluginManager) -> None:
    assert plugins.job_variables(TF_CPP_MIN_LOG_LEVEL="0") == {}


def test_without_tensorflow_a_job_is_left_alone(
    plugins: PluginManager, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "is_installed", set().__contains__)
    assert plugins.launch(COMMAND).launcher is None
    assert plugins.job_variables() == {}


def test_the_environment_has_the_cluster(plugins: PluginManager, job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", current="algo-2")
    environment = plugins.create_environment(SMC_LAUNCHER="mwms")
    assert environment.tf_strategy == "mwms"
    assert environment.cluster == {"worker": ["algo-1:8890", "algo-2:8891"]}
    assert (environment.task_type, environment.task_index, environment.is_chief) == ("worker", 1, False)
    assert str(environment.sources["cluster"]) == "the hosts and the launcher"


def test_a_script_makes_the_same_environment(
    plugins: PluginManager, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"SMC_LAUNCHER": "parameter-server", "TRAINING_JOB_NAME": "job-7"}
    job.raw_hyperparameters({"model_dir": "s3://bucket/tuning", "_tuning_objective_metric": "loss"})
    base = str(job.hosts("algo-1", "algo-2").base)
    created = plugins.create_environment(**variables)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert smc_tensorflow.Environment.create(base_dir=base) == created
    assert smc_tensorflow.Environment.create(base_dir=base, task_index=5).task_index == 5


def test_without_a_cluster_the_master_is_chief(plugins: PluginManager, job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2")
    environment = plugins.create_environment()
    assert (environment.tf_strategy, environment.cluster, environment.task_type) == (None, {}, None)
    assert environment.is_chief
    job.hosts("algo-1", "algo-2", current="algo-2")
    environment = plugins.create_environment()
    assert not environment.is_chief


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("s3://bucket/tuning", "s3://bucket/tuning/job-7/model"),
        ("s3://bucket/tuning/", "s3://bucket/tuning/job-7/model"),
        ('"s3://bucket/tuning"', "s3://bucket/tuning/job-7/model"),
        ("/mnt/shared", "/mnt/shared/job-7/model"),
    ],
)
def test_under_tuning_each_job_has_its_own_model_dir(
    plugins: PluginManager, job: JobFolder, given: str, becomes: str
) -> None:
    job.raw_hyperparameters({"model_dir": given, "_tuning_objective_metric": "loss", "epochs": "5"})
    environment = plugins.create_environment(TRAINING_JOB_NAME="job-7")
    assert environment.hps["model_dir"] == environment.hp_texts["model_dir"] == becomes
    assert environment.user_args == ["--epochs", "5", "--model_dir", becomes]
    assert environment.model_dir == str(job.base / "model")


@pytest.mark.parametrize("tuning", [True, False])
def test_a_model_dir_that_no_other_job_sees_stays(plugins: PluginManager, job: JobFolder, tuning: bool) -> None:
    folder = str(job.base / "model") if tuning else "s3://bucket/tuning"
    job.raw_hyperparameters({"model_dir": folder, **({"_tuning_objective_metric": "loss"} if tuning else {})})
    assert plugins.create_environment(TRAINING_JOB_NAME="job-7").hps["model_dir"] == folder


def train(plugins: PluginManager, model: Any = None) -> None:
    assert plugins.train(lambda: model) == TrainResult(model)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow has been imported, and nothing like it."""
    for framework in ("torch", "jax"):
        monkeypatch.delitem(sys.modules, framework, raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))


def saved(job: JobFolder, folder: str) -> Path:
    path = job.base / "model" / folder
    path.mkdir(parents=True)
    (path / "saved_model.pb").touch()
    return path


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            None,
            "no SavedModel is below {model}, so TensorFlow Serving has nothing to load; let train() return the model",
        ),
        ("export", "wants the SavedModel in a folder named by a number, and it is in 'export'; let train()"),
    ],
)
def test_a_model_that_cannot_be_served_is_warned_of(
    plugins: PluginManager, job: JobFolder, caplog: pytest.LogCaptureFixture, folder: str | None, message: str
) -> None:
    if folder:
        saved(job, folder)
    train(plugins)
    (record,) = caplog.records
    assert message.format(model=job.base / "model") in record.getMessage()
    assert f"'{job.base}/model/1'" in record.getMessage()
    assert record.levelno == logging.WARNING


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("folder", ["1", "mine/00000042"])
def test_a_model_that_can_be_served_is_not(
    plugins: PluginManager, job: JobFolder, caplog: pytest.LogCaptureFixture, folder: str
) -> None:
    saved(job, folder)
    train(plugins)
    assert not caplog.records


@pytest.mark.usefixtures("used")
def test_a_model_that_is_returned_is_not(
    plugins: PluginManager, job: JobFolder, caplog: pytest.LogCaptureFixture
) -> None:
    train(plugins, object())
    assert not caplog.records


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_job_of_another_framework_that_imports_tensorflow_is_not(
    plugins: PluginManager,
    job: JobFolder,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    framework: str,
) -> None:
    monkeypatch.setitem(sys.modules, framework, ModuleType(framework))
    jax_began(monkeypatch, True)
    train(plugins)
    assert not caplog.records


@pytest.mark.usefixtures("used")
def test_a_jax_that_tensorflow_itself_has_imported_keeps_nobody_from_being_warned(
    plugins: PluginManager, job: JobFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    jax_began(monkeypatch, False)
    train(plugins)
    assert "TensorFlow Serving has nothing to load" in caplog.text


def jax_began(monkeypatch: pytest.MonkeyPatch, began: bool) -> None:
    bridge = ModuleType("jax._src.xla_bridge")
    bridge.backends_are_initialized = lambda: began  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, bridge.__name__, bridge)


def test_a_job_without_tensorflow_is_not_warned(
    plugins: PluginManager, job: JobFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    train(plugins)
    assert not caplog.records


def test_a_model_of_another_kind_is_left_to_others(plugins: PluginManager, job: JobFolder) -> None:
    assert plugins.save_model(object()) is None
