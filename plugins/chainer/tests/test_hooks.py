"""The hooks in one process, without Chainer: what they add, and what they leave to others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pluggy
import pytest

from smc_chainer import plugin
from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, PluginVersionError
from smc_core.kit import is_installed
from smc_core.plugins import Plugins, new_manager
from smc_core.testing import JobFolder

COMMAND = Command(("python", "train.py"), {}, "/", "script")


@pytest.fixture
def manager() -> pluggy.PluginManager:
    """The core and this plugin."""
    manager = new_manager()
    manager.register(plugin, name="chainer")
    manager.check_pending()
    return manager


@pytest.fixture
def hook(manager: pluggy.PluginManager) -> pluggy.HookRelay:
    """The hooks of both."""
    return manager.hook


def environment_of(hook: pluggy.HookRelay, job: JobFolder) -> Environment:
    environment: Environment = hook.create_environment(base_dir=str(job.base))
    return environment


def test_the_environment_of_a_plain_job(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smc_core.facts.gpu_count", lambda environ: 0)
    environment = environment_of(hook, job.hosts("algo-1", "algo-2"))
    assert environment.use_mpi is False
    assert environment.process_slots_per_host == 1
    assert environment.num_processes == 2
    assert environment.additional_mpi_options == ""
    assert str(environment.sources["num_processes"]) == "default"


def test_one_process_a_gpu(hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smc_core.facts.gpu_count", lambda environ: 4)
    environment = environment_of(hook, job.hosts("algo-1", "algo-2"))
    assert (environment.process_slots_per_host, environment.num_processes) == (4, 8)


def test_the_hyperparameters_of_the_classic_container(hook: pluggy.HookRelay, job: JobFolder) -> None:
    job.hyperparameters(
        sagemaker_use_mpi=True,
        sagemaker_process_slots_per_host=2,
        sagemaker_num_processes=3,
        sagemaker_additional_mpi_options="-x NCCL_DEBUG=INFO",
    )
    environment = environment_of(hook, job.hosts("algo-1", "algo-2"))
    assert environment.use_mpi is True
    assert (environment.process_slots_per_host, environment.num_processes) == (2, 3)
    assert environment.additional_mpi_options == "-x NCCL_DEBUG=INFO"
    assert str(environment.sources["num_processes"]) == "hyperparameters.json: sagemaker_num_processes"
    assert environment.dict()["num_processes"] == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sagemaker_use_mpi", "perhaps", "'sagemaker_use_mpi' is 'perhaps', not true or false"),
        ("sagemaker_num_processes", "two", "'sagemaker_num_processes' is 'two', not a whole number"),
        ("sagemaker_process_slots_per_host", "0", "'sagemaker_process_slots_per_host' is 0, and a job has at least 1"),
    ],
)
def test_a_hyperparameter_that_is_wrong(
    hook: pluggy.HookRelay, job: JobFolder, name: str, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        environment_of(hook, job.hyperparameters(**{name: text}))


def test_mpi_that_nobody_starts_ends_the_job(manager: pluggy.PluginManager, job: JobFolder) -> None:
    environment = environment_of(manager.hook, job.hyperparameters(sagemaker_use_mpi=True))
    with pytest.raises(ConfigurationError, match="'sagemaker_use_mpi' asks for MPI, which smc-chainer does not start"):
        manager.hook.launch(environment=environment, command=COMMAND)


def test_mpi_may_be_started_by_another_plugin(manager: pluggy.PluginManager, job: JobFolder) -> None:
    class Launcher:
        @hookimpl
        def launch(self, command: Command) -> Command:
            return command.under(["mpirun"], "mpirun")

    manager.register(Launcher())
    environment = environment_of(manager.hook, job.hyperparameters(sagemaker_use_mpi=True))
    (command,) = manager.hook.launch(environment=environment, command=COMMAND)
    assert command.argv == ("mpirun", *COMMAND.argv)


def test_the_plugin_itself_launches_nothing(hook: pluggy.HookRelay, job: JobFolder) -> None:
    environment = environment_of(hook, job.hosts("algo-1", "algo-2"))
    assert hook.launch(environment=environment, command=COMMAND) == []


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("abc", "'seed' is 'abc', not a whole number"),
        ("-1", "'seed' is -1, not between 0 and 4294967295"),
        ("4294967296", "'seed' is 4294967296, not between 0 and 4294967295"),
    ],
)
def test_a_seed_that_is_none(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch, seed: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "chainer", ModuleType("chainer"))  # as where the job's module has imported it
    environment = environment_of(hook, job.hyperparameters(seed=seed))
    with pytest.raises(ConfigurationError, match=message):
        hook.train(environment=environment, module=ModuleType("user"))


def test_a_seed_of_a_job_that_has_not_imported_chainer_is_left_to_others(
    hook: pluggy.HookRelay, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "chainer", raising=False)
    module = ModuleType("user")
    module.train = lambda seed: seed  # type: ignore[attr-defined]
    environment = environment_of(hook, job.hyperparameters(seed="any word"))
    assert hook.train(environment=environment, module=module).model == "any word"


@pytest.mark.parametrize("has_chainer", [True, False])
def test_a_numpy_that_chainer_cannot_use_ends_a_job_where_chainer_is_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_chainer: bool
) -> None:
    for name, version in {"chainer": "7.8.1", "numpy": "2.4.0"}.items():
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "chainer", raising=False)
    if has_chainer:
        (tmp_path / "chainer.py").touch()
        with pytest.raises(PluginVersionError, match=r"needs numpy<1\.24, and 2\.4\.0 is installed"):
            Plugins.load({}).check_installed_frameworks()
    elif not is_installed("chainer"):
        Plugins.load({}).check_installed_frameworks()
