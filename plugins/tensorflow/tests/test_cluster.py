"""Who is what in TensorFlow's cluster, without TensorFlow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.testing import JobFolder
from smc_tensorflow.cluster import Role, find_role
from smc_tensorflow.tf_config import Task, read_tf_config, write_tf_config

MIRRORED = {"SMC_LAUNCHER": "mwms"}
SERVERS = {"SMC_LAUNCHER": "parameter-server"}


def role(job: JobFolder, environ: dict[str, str] | None = None) -> Role:
    environ = environ or {}
    return find_role(Environment.create(base_dir=str(job.base), environ=environ), environ)


@pytest.mark.parametrize(("host", "index"), [("algo-1", 0), ("algo-2", 1), ("algo-3", 2)])
def test_mirrored_workers_one_a_host(job: JobFolder, host: str, index: int) -> None:
    found = role(job.hosts("algo-1", "algo-2", "algo-3", current=host), MIRRORED)
    assert found.strategy == "mwms"
    assert found.cluster == {"worker": ["algo-1:8890", "algo-2:8891", "algo-3:8892"]}
    assert found.task == Task("worker", index)
    assert found.is_chief is (index == 0)


def test_parameter_servers_the_chief_is_the_master(job: JobFolder) -> None:
    found = role(job.hosts("algo-1", "algo-2"), SERVERS)
    assert found.strategy == "parameter-server"
    assert found.cluster == {
        "chief": ["algo-1:2222"],
        "worker": ["algo-1:2223", "algo-2:2225"],
        "ps": ["algo-1:2224", "algo-2:2226"],
    }
    assert found.task == Task("chief", 0)
    assert found.is_chief
    assert found.servers("algo-1") == [Task("ps", 0), Task("worker", 0)]


def test_parameter_servers_every_other_host_serves(job: JobFolder) -> None:
    found = role(job.hosts("algo-1", "algo-2", current="algo-2"), SERVERS)
    assert found.task == Task("worker", 1)
    assert not found.is_chief
    assert found.servers("algo-2") == [Task("ps", 1), Task("worker", 1)]


@pytest.mark.parametrize("launcher", ["mwms", "parameter-server"])
def test_a_host_alone_needs_no_name_that_resolves(job: JobFolder, launcher: str) -> None:
    found = role(job.hosts("algo-1"), {"SMC_LAUNCHER": launcher})
    if launcher == "mwms":
        assert found.cluster == {"worker": ["localhost:8890"]}
        assert found.task == Task("worker", 0)
    else:
        assert found.cluster == {"chief": ["localhost:2222"], "worker": ["localhost:2223"], "ps": ["localhost:2224"]}
        assert found.servers("algo-1") == [Task("ps", 0), Task("worker", 0)]


@pytest.mark.parametrize("launcher", ["mwms", "parameter-server"])
def test_no_two_tasks_share_a_port(job: JobFolder, launcher: str) -> None:
    found = role(job.hosts(*(f"algo-{n}" for n in range(1, 9))), {"SMC_LAUNCHER": launcher})
    ports = [address.rpartition(":")[2] for addresses in found.cluster.values() for address in addresses]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize(("launcher", "first"), [("mwms", "worker"), ("parameter-server", "chief")])
def test_a_chosen_master_port_moves_the_others(job: JobFolder, launcher: str, first: str) -> None:
    found = role(job.hosts("algo-1", "algo-2"), {"SMC_LAUNCHER": launcher, "SMC_MASTER_PORT": "41000"})
    assert found.cluster[first][0] == "algo-1:41002"


def test_a_master_port_that_leaves_no_room(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="SMC_MASTER_PORT=65530 leaves 4 of the 5 ports"):
        role(job.hosts("algo-1", "algo-2"), {**SERVERS, "SMC_MASTER_PORT": "65530"})


@pytest.mark.parametrize(
    ("switch", "strategy"),
    [
        ("sagemaker_multi_worker_mirrored_strategy_enabled", "mwms"),
        ("sagemaker_parameter_server_enabled", "parameter-server"),
    ],
)
@pytest.mark.parametrize("text", ["true", "True", '"true"'])
def test_a_hyperparameter_switches_it_on(job: JobFolder, switch: str, strategy: str, text: str) -> None:
    assert role(job.hosts("algo-1", "algo-2").raw_hyperparameters({switch: text})).strategy == strategy


@pytest.mark.parametrize("named", ["none", "torchrun", "mpi"])
def test_the_variable_goes_before_the_hyperparameter(job: JobFolder, named: str) -> None:
    job.hosts("algo-1", "algo-2").hyperparameters(sagemaker_parameter_server_enabled=True)
    assert role(job, {"SMC_LAUNCHER": named}) == Role()
    assert role(job, MIRRORED).strategy == "mwms"


def test_a_switch_that_is_off(job: JobFolder) -> None:
    assert role(job.hosts("algo-1", "algo-2").hyperparameters(sagemaker_parameter_server_enabled=False)) == Role()


def test_a_job_that_asks_for_nothing(job: JobFolder) -> None:
    assert role(job.hosts("algo-1", "algo-2")) == Role()


def test_both_switches(job: JobFolder) -> None:
    job.hyperparameters(sagemaker_parameter_server_enabled=True, sagemaker_multi_worker_mirrored_strategy_enabled=True)
    with pytest.raises(ConfigurationError, match="are both on; switch one of them off"):
        role(job)


def test_a_switch_that_is_neither(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="'sagemaker_parameter_server_enabled' is 'perhaps'"):
        role(job.hyperparameters(sagemaker_parameter_server_enabled="perhaps"))


GROUPS: dict[str, Any] = {
    "instance_groups": [
        {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]},
        {"instance_group_name": "train", "instance_type": "ml.p4d.24xlarge", "hosts": ["algo-3", "algo-2"]},
    ]
}


@pytest.mark.parametrize(
    ("host", "task"), [("algo-3", Task("worker", 0)), ("algo-2", Task("worker", 1)), ("algo-1", None)]
)
def test_only_the_groups_that_distribute_take_part(job: JobFolder, host: str, task: Task | None) -> None:
    group = "data" if host == "algo-1" else "train"
    job.hosts("algo-1", "algo-2", "algo-3", current=host, current_group_name=group, **GROUPS).hyperparameters(
        sagemaker_multi_worker_mirrored_strategy_enabled=True, sagemaker_distribution_instance_groups=["train"]
    )
    found = role(job)
    assert found.task == task
    assert found.cluster == ({"worker": ["algo-3:8890", "algo-2:8891"]} if task else {})
    assert found.strategy == ("mwms" if task else None)


USERS = {"cluster": {"chief": ["a:1"], "worker": ["a:2", "b:3"], "ps": ["b:4"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize("launcher", ["mwms", "parameter-server", "none"])
def test_what_the_user_set_wins(job: JobFolder, launcher: str) -> None:
    found = role(job.hosts("a", "b"), {"SMC_LAUNCHER": launcher, "TF_CONFIG": json.dumps(USERS)})
    assert found.cluster == USERS["cluster"]
    assert found.task == Task("worker", 1)
    assert found.strategy == (None if launcher == "none" else launcher)
    assert found.servers("b") == [Task("ps", 0), Task("worker", 1)]


def test_the_text_is_read_back() -> None:
    cluster = {"worker": ["algo-1:8890", "algo-2:8891"]}
    assert read_tf_config(write_tf_config(cluster, Task("worker", 1))) == (cluster, Task("worker", 1))


def test_no_text_is_no_cluster() -> None:
    assert read_tf_config(" ") == ({}, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"cluster": {"worker": "algo-1:1"}}', "has a cluster that is not an object of task names"),
        ('{"cluster": {"worker": ["algo-1"]}}', "has a cluster that is not an object of task names"),
        ('{"task": {"index": 0}}', "has a task that is not an object"),
        ('{"task": {"type": "worker", "index": -1}}', "has the task index -1, not a whole number"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "the task worker 1, which is not"),
    ],
)
def test_a_text_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_tf_config(text)
