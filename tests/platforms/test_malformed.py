"""A malformed variable of a platform is named, with exit code 2; and ``SMC_PLATFORM=none`` always helps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core import platforms
from smc_core.errors import ConfigurationError

SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "0",
    "SLURM_NODEID": "0",
    "SLURM_STEP_NUM_NODES": "2",
}
SKYPILOT = {"SKYPILOT_TASK_ID": "x", "SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_RANK": "0", "SKYPILOT_NODE_IPS": "a\nb"}
DSTACK = {"DSTACK_RUN_ID": "x", "DSTACK_NODES_NUM": "2", "DSTACK_NODE_RANK": "0", "DSTACK_NODES_IPS": "a\nb"}
BATCH = {"AWS_BATCH_JOB_ID": "x", "AWS_BATCH_JOB_NUM_NODES": "2", "AWS_BATCH_JOB_NODE_INDEX": "0"}
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
TORCH = {**POD, "PET_NNODES": "2", "PET_NODE_RANK": "0", "PET_MASTER_ADDR": "a"}
AZURE = {"AZUREML_RUN_ID": "x", "AZUREML_NODE_COUNT": "2", "NODE_RANK": "0"}
RAY = {"RAY_JOB_ID": "1", "NODE_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "a"}
CASES: list[tuple[dict[str, str], dict[str, str], str]] = [
    (SLURM, {"SLURM_STEP_NODELIST": "n[1-"}, "SLURM_STEP_NODELIST is 'n[1-'"),
    (SLURM, {"SLURM_STEP_NODELIST": "n[1-3]"}, "SLURM_STEP_NODELIST lists 3 hosts, and the number of hosts is 2"),
    (SLURM, {"SLURM_STEP_NODELIST": "n[1-99999999]"}, "SLURM_STEP_NODELIST is"),
    (SLURM, {"SLURM_STEP_NODELIST": "n1,n1"}, "is there twice"),
    (SLURM, {"SLURM_STEP_NODELIST": "n[1-2]", "SLURM_NODEID": "2"}, "SLURM_NODEID is '2', not a rank below"),
    (SLURM, {"SLURM_STEP_NODELIST": "n[1-2]", "SLURM_NODEID": ""}, "no variable SLURM_NODEID says which"),
    (
        SLURM,
        {"SLURM_STEP_NODELIST": "n[1-2]", "SLURM_STEP_TASKS_PER_NODE": "two"},
        "SLURM_STEP_TASKS_PER_NODE is 'two'",
    ),
    (SLURM, {"SLURM_RESTART_COUNT": "-1"}, "SLURM_RESTART_COUNT is '-1'"),
    (SKYPILOT, {"SKYPILOT_NODE_RANK": "x"}, "SKYPILOT_NODE_RANK is 'x'"),
    (SKYPILOT, {"SKYPILOT_NUM_NODES": "3"}, "SKYPILOT_NODE_IPS lists 2 hosts, and the number of hosts is 3"),
    (SKYPILOT, {"SKYPILOT_NODE_IPS": "a\nb;rm -rf /"}, "SKYPILOT_NODE_IPS is"),
    (DSTACK, {"DSTACK_NODE_RANK": ""}, "no variable DSTACK_NODE_RANK"),
    (BATCH, {"AWS_BATCH_JOB_NODE_INDEX": "5"}, "AWS_BATCH_JOB_NODE_INDEX is '5'"),
    (BATCH, {"AWS_BATCH_JOB_NODE_INDEX": "1"}, "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS is ''"),
    (BATCH, {"AWS_BATCH_JOB_MAIN_NODE_INDEX": "9"}, "AWS_BATCH_JOB_MAIN_NODE_INDEX is '9'"),
    (TORCH, {"PET_NNODES": "1:4"}, "PET_NNODES is '1:4', not one number: an elastic range"),
    (TORCH, {"PET_NNODES": "many"}, "PET_NNODES is 'many'"),
    (TORCH, {"PET_NODE_RANK": ""}, "no variable PET_NODE_RANK"),
    (TORCH, {"PET_MASTER_ADDR": ""}, "PET_MASTER_ADDR is ''"),
    (TORCH, {"PET_MASTER_PORT": "70000"}, "PET_MASTER_PORT is '70000'"),
    (
        POD,
        {"JAX_COORDINATOR_ADDRESS": "a:b", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"},
        "JAX_COORDINATOR_ADDRESS",
    ),
    (POD, {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x'"),
    (POD, {"JOB_COMPLETION_INDEX": "1", "SMC_HOST_COUNT": "two"}, "SMC_HOST_COUNT is 'two'"),
    (POD, {"JOB_COMPLETION_INDEX": "7", "SMC_HOST_COUNT": "2", "HOSTNAME": "job-7"}, "JOB_COMPLETION_INDEX is '7'"),
    (POD, {"JOB_COMPLETION_INDEX": "1", "SMC_HOST_COUNT": "2", "HOSTNAME": "mine"}, "HOSTNAME is 'mine'"),
    (POD, {"SMC_HOST_COUNT": "2"}, "SMC_HOST_COUNT is '2', not for a pod without JOB_COMPLETION_INDEX"),
    (AZURE, {"NODE_RANK": "2"}, "NODE_RANK is '2'"),
    (AZURE, {"MASTER_PORT": "x"}, "MASTER_PORT is 'x'"),
    (RAY, {"WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "2"}, "WORLD_SIZE is '3', not a multiple of LOCAL_WORLD_SIZE"),
    ({}, {"CLUSTER_SPEC": "{"}, "CLUSTER_SPEC is '{', not a JSON object"),
    ({}, {"CLUSTER_SPEC": "[]"}, "CLUSTER_SPEC is '[]'"),
    ({}, {"CLUSTER_SPEC": '{"cluster": {}, "task": {"type": "workerpool0", "index": 0}}'}, "CLUSTER_SPEC is"),
    (
        {},
        {"CLUSTER_SPEC": '{"cluster": {"workerpool0": ["a:1"]}, "task": {"type": "workerpool0", "index": 1}}'},
        "has no 1",
    ),
    (
        {},
        {"CLUSTER_SPEC": '{"cluster": {"workerpool0": ["a:b"]}, "task": {"type": "workerpool0", "index": 0}}'},
        "CLUSTER",
    ),
    ({}, {"SMC_PLATFORM": "slurm"}, "SMC_PLATFORM is 'slurm', but this is not that platform: no SLURM_JOB_ID"),
    ({}, {"SMC_PLATFORM": "moon"}, "SMC_PLATFORM is 'moon', not one of sagemaker, skypilot"),
]


@pytest.mark.parametrize(("variables", "wrong", "message"), CASES)
def test_it_is_named(variables: dict[str, str], wrong: dict[str, str], message: str) -> None:
    environ = {name: text for name, text in {**variables, **wrong}.items() if text}
    with pytest.raises(ConfigurationError) as error:
        platforms.current(environ)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert platforms.current({**environ, "SMC_PLATFORM": "none"}).hosts is None


_NAMES = sorted({name for variables, wrong, _ in CASES for name in (*variables, *wrong)} - {"SMC_PLATFORM"})


@given(
    st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=40)),
    st.sampled_from([{}, SLURM, SKYPILOT, BATCH, TORCH, AZURE]),
)
def test_whatever_the_variables_say(changes: dict[str, str], variables: dict[str, str]) -> None:
    """They are read, or refused as a mistake of the configuration; and the rank is always that of a host."""
    environ: dict[str, Any] = {**variables, **changes}
    assert platforms.stop_grace(environ) > 0
    try:
        found = platforms.current(environ)
    except ConfigurationError:
        return
    assert found.hosts is None or 0 <= found.rank < len(found.hosts)
