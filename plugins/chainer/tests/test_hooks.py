"""The hooks in one process, without Chainer: what they add, and what they leave to others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.errors import ConfigurationError, PluginVersionError
from smc_core.kit import is_installed
from smc_core.testing import PluginManager

COMMAND = Command(("python", "train.py"), {}, "/", "script")


@pytest.fixture
def plugins(plugin_manager: PluginManager) -> PluginManager:
    """The core and this plugin, on two hosts."""
    plugin_manager.job.hosts("algo-1", "algo-2")
    return plugin_manager.register("chainer")


def test_the_environment_of_a_plain_job(plugins: PluginManager) -> None:
    environment = plugins.assume(gpu_count=0).create_environment()
    assert environment.use_mpi is False
    assert environment.process_slots_per_host == 1
    assert environment.num_processes == 2
    assert environment.additional_mpi_options == ""
    assert str(environment.sources["num_processes"]) == "default"


def test_one_process_a_gpu(plugins: PluginManager) -> None:
    environment = plugins.assume(gpu_count=4).create_environment()
    assert (environment.process_slots_per_host, environment.num_processes) == (4, 8)


def test_the_hyperparameters_of_the_classic_container(plugins: PluginManager) -> None:
    plugins.job.hyperparameters(
        sagemaker_use_mpi=True,
        sagemaker_process_slots_per_host=2,
        sagemaker_num_processes=3,
        sagemaker_additional_mpi_options="-x NCCL_DEBUG=INFO",
    )
    environment = plugins.create_environment()
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
def test_a_hyperparameter_that_is_wrong(plugins: PluginManager, name: str, text: str, message: str) -> None:
    plugins.job.hyperparameters(**{name: text})
    with pytest.raises(ConfigurationError, match=message):
        plugins.create_environment()


def test_mpi_that_nobody_starts_ends_the_job(plugins: PluginManager) -> None:
    plugins.job.hyperparameters(sagemaker_use_mpi=True)
    with pytest.raises(ConfigurationError, match="'sagemaker_use_mpi' asks for MPI, which smc-chainer does not start"):
        plugins.launch(COMMAND)


def test_mpi_may_be_started_by_another_plugin(plugins: PluginManager) -> None:
    class Launcher:
        @hookimpl
        def launch(self, command: Command) -> Command:
            return command.under(["mpirun"], "mpirun")

    plugins.job.hyperparameters(sagemaker_use_mpi=True)
    assert plugins.register(Launcher()).launch(COMMAND).argv == ("mpirun", *COMMAND.argv)


def test_the_plugin_itself_launches_nothing(plugins: PluginManager) -> None:
    assert plugins.launch(COMMAND).launcher is None


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("abc", "'seed' is 'abc', not a whole number"),
        ("-1", "'seed' is -1, not between 0 and 4294967295"),
        ("4294967296", "'seed' is 4294967296, not between 0 and 4294967295"),
    ],
)
def test_a_seed_that_is_none(plugins: PluginManager, monkeypatch: pytest.MonkeyPatch, seed: str, message: str) -> None:
    monkeypatch.setitem(sys.modules, "chainer", ModuleType("chainer"))  # as where the job's module has imported it
    plugins.job.hyperparameters(seed=seed)
    with pytest.raises(ConfigurationError, match=message):
        plugins.train(lambda: None)


def test_a_seed_of_a_job_that_has_not_imported_chainer_is_left_to_others(
    plugins: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "chainer", raising=False)
    plugins.job.hyperparameters(seed="any word")
    assert plugins.train(lambda seed: seed).model == "any word"


@pytest.mark.parametrize("has_chainer", [True, False])
def test_a_numpy_that_chainer_cannot_use_ends_a_job_where_chainer_is_and_no_other(
    plugins: PluginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_chainer: bool
) -> None:
    for name, version in {"chainer": "7.8.1", "numpy": "2.4.0"}.items():
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "chainer", raising=False)
    plugins.job.code(train_py="def train(): ...")
    if has_chainer:
        (tmp_path / "chainer.py").touch()
        with pytest.raises(PluginVersionError, match=r"needs numpy<1\.24, and 2\.4\.0 is installed"):
            plugins.launch()
    elif not is_installed("chainer"):
        assert plugins.launch().launcher is None
