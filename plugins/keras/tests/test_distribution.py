"""What the launcher ``jax`` tells each process, and who is refused, in one process and without JAX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smc_core import hookimpl
from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, PluginConflictError
from smc_core.testing import JobFolder, PluginManager
from smc_keras import backend, distribution, multihost, plugin

ASKED = {"SMC_LAUNCHER": "jax"}
GROUPS = [
    {"instance_group_name": "workers", "instance_type": "ml.g5.xlarge", "hosts": ["algo-3", "algo-1"]},
    {"instance_group_name": "readers", "instance_type": "ml.c5.xlarge", "hosts": ["algo-2"]},
]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that count as installed."""
    names = {"keras", "jax", "tensorflow"}
    for module in (backend, distribution, multihost):
        monkeypatch.setattr(module, "is_installed", names.__contains__)
    return names


@pytest.fixture
def plugins(plugin_manager: PluginManager) -> PluginManager:
    """The core and this plugin."""
    return plugin_manager.register("keras")


COMMAND = Command(("python", "worker.py"), {}, "/", "function")


def launch(plugins: PluginManager, *hosts: str, **variables: str) -> Command:
    if hosts:
        plugins.job.hosts(*hosts)
    return plugins.launch(COMMAND, **variables)


def test_each_host_is_told_where_the_others_are(
    plugins: PluginManager, job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "eth1").touch()
    monkeypatch.setattr(distribution, "INTERFACES", str(tmp_path))
    job.hosts("algo-1", "algo-2", current="algo-2", network_interface_name="eth1")
    command = launch(plugins, **ASKED, SMC_MASTER_PORT="41000")
    assert (command.argv, command.launcher) == (("python", "worker.py"), "jax")
    plain = launch(plugins, SMC_LAUNCHER="none", SMC_MASTER_PORT="41000").environ
    assert {name: text for name, text in command.environ.items() if plain.get(name) != text} == {
        "SMC_LAUNCHER": "jax",
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": "algo-1:41000",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": "1",
        "JAX_COORDINATOR_ADDRESS": "algo-1:41000",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": "1",
        "RANK": "1",
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
        "JAX_ENABLE_PREEMPTION_SERVICE": "false",
        "NCCL_SOCKET_IFNAME": "eth1",
    }


def test_an_interface_that_there_is_not_is_named_to_nobody(plugins: PluginManager, job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", network_interface_name="eth97")
    command = launch(plugins, **ASKED)
    assert "NCCL_SOCKET_IFNAME" not in command.environ


def test_what_the_user_has_set_stays(plugins: PluginManager, job: JobFolder) -> None:
    users = {"NCCL_SOCKET_IFNAME": "ib0", "JAX_ENABLE_PREEMPTION_SERVICE": "true"}
    command = launch(plugins, "algo-1", "algo-2", **ASKED, **users)
    assert {name: command.environ[name] for name in users} == users


@pytest.mark.parametrize(
    ("hosts", "variables"),
    [(("algo-1", "algo-2"), {}), (("algo-1", "algo-2"), {"SMC_LAUNCHER": "torchrun"})],
    ids=["not asked for", "another launcher"],
)
def test_there_is_no_launcher(
    plugins: PluginManager, job: JobFolder, hosts: tuple[str, ...], variables: dict[str, str]
) -> None:
    job.hosts(*hosts)
    environment = Environment.create(base_dir=str(job.base))
    assert distribution.processes(environment, variables) == []
    command = Command(("python", "worker.py"), variables, "/", "function")
    assert distribution.launched(environment, command) is None


def test_one_host_has_nobody_to_find(plugins: PluginManager, job: JobFolder) -> None:
    environment = Environment.create(base_dir=str(job.hosts("algo-1").base))
    assert distribution.processes(environment, ASKED) == []
    command = distribution.launched(environment, Command(("python", "worker.py"), ASKED, "/", "function"))
    assert command == Command(("python", "worker.py"), ASKED, "/", "function", "jax")


@pytest.mark.parametrize(
    ("current", "process"), [("algo-3", "0"), ("algo-1", "1"), ("algo-2", None)], ids=["first", "second", "reader"]
)
def test_only_the_hosts_of_the_group_that_distributes_take_part(
    plugins: PluginManager, job: JobFolder, current: str, process: str | None
) -> None:
    group = "workers" if process else "readers"
    job.hosts("algo-1", "algo-2", "algo-3", current=current, current_group_name=group, instance_groups=GROUPS)
    job.hyperparameters(sagemaker_distribution_instance_groups=["workers"])
    environment = Environment.create(base_dir=str(job.base))
    command = distribution.launched(environment, Command(("python",), ASKED, "/", "function"))
    assert (command and command.environ["KERAS_DISTRIBUTION_PROCESS_ID"]) == process
    assert (command and command.environ["JAX_COORDINATOR_ADDRESS"]) == (process and "algo-3:7777")


def test_the_environment_has_the_processes(plugins: PluginManager, job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", current="algo-2")
    environment = plugins.create_environment(**ASKED)
    assert (environment.process_count, environment.process_id, environment.backend) == (2, 1, "jax")
    assert str(environment.sources["process_count"]) == "variable SMC_LAUNCHER"


def test_jax_that_is_not_there(plugins: PluginManager, job: JobFolder, installed: set[str]) -> None:
    installed -= {"jax"}
    installed -= {"keras"}
    with pytest.raises(ConfigurationError, match="SMC_LAUNCHER is 'jax', and JAX is not installed"):
        launch(plugins, "algo-1", "algo-2", **ASKED)


def test_keras_on_another_backend(plugins: PluginManager, job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="SMC_LAUNCHER is 'jax', and KERAS_BACKEND is 'tensorflow'"):
        launch(plugins, "algo-1", "algo-2", **ASKED, KERAS_BACKEND="tensorflow")


def test_another_plugin_that_launches_the_job_too(plugins: PluginManager, job: JobFolder) -> None:
    class Launcher:
        @hookimpl
        def launch(self, command: Command) -> Command:
            return command.under(["torchrun"], "torchrun")

    plugins.register(Launcher(), name="another")
    with pytest.raises(PluginConflictError, match=r"plugins another and keras \(smc-keras \S+\) both launch this job"):
        launch(plugins, "algo-1", "algo-2", **ASKED)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SMC_KERAS_DISTRIBUTION": "model"}, "SMC_KERAS_DISTRIBUTION is 'model', not 'data'"),
        ({"SMC_KERAS_DISTRIBUTION": "data", "KERAS_BACKEND": "tensorflow"}, "is for the backend jax, and the job runs"),
    ],
)
def test_a_distribution_that_there_is_not(
    plugins: PluginManager, job: JobFolder, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        launch(plugins, **variables)


@pytest.fixture
def three(job: JobFolder) -> list[Any]:
    """The Environments of three processes."""
    plain = Environment.create(base_dir=str(job.base))
    return [plain.extend(plugin.Environment, process_count=3, process_id=number) for number in range(3)]


def test_the_parts_are_of_one_length_and_nothing_is_in_two(three: list[Any]) -> None:
    x, y = np.arange(11), np.arange(11) * 10
    parts = [multihost.own_part(environment, x, y) for environment in three]
    assert [len(part) for part, _ in parts] == [3, 3, 3]
    assert sorted(number for part, _ in parts for number in part) == list(range(9))
    assert all((labels == part * 10).all() for part, labels in parts)


def test_a_part_in_whole_batches(three: list[Any]) -> None:
    assert [list(multihost.own_part(environment, list(range(20)), multiple_of=4)) for environment in three] == [
        [0, 3, 6, 9],
        [1, 4, 7, 10],
        [2, 5, 8, 11],
    ]


def test_alone_the_part_is_all(job: JobFolder) -> None:
    assert multihost.own_part(Environment.create(base_dir=str(job.base)), [1, 2, 3]) == [1, 2, 3]


def test_parts_that_cannot_be(three: list[Any]) -> None:
    with pytest.raises(ValueError, match="own_part wants arrays of one length, and not of \\[2, 3\\]"):
        multihost.own_part(three[0], [1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="5 elements are too few for 3 processes in parts of 2"):
        multihost.own_part(three[0], [1, 2, 3, 4, 5], multiple_of=2)


def test_a_job_that_nobody_has_launched_joins_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", raising=False)
    assert multihost.initialize_distribution() is False
