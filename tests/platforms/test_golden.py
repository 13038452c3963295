"""What every platform's variables say, for jobs of one, two and four hosts, on each of the hosts.

The variables are those that the platforms set, as their sources and pages have them (docs/reference/platforms.md).
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core import platforms
from smc_core.environment import Environment

Variables = Callable[[int, int], dict[str, str]]
"""Number of hosts, rank → variables."""
Expected = Callable[[int], list[str]]
OWN = os.uname().nodename


def skypilot(count: int, rank: int) -> dict[str, str]:
    return {
        "SKYPILOT_TASK_ID": "sky-managed-2026-11-26-10-00-00-000000_job_7-0",
        "SKYPILOT_NUM_NODES": str(count),
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NODE_IPS": "\n".join(f"10.0.0.{index + 1}" for index in range(count)),
        "SKYPILOT_NUM_GPUS_PER_NODE": "8",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",  # SkyPilot on Kubernetes
    }


def dstack(count: int, rank: int) -> dict[str, str]:
    return {
        "DSTACK_RUN_ID": "5f0c4f9e-0001",
        "DSTACK_RUN_NAME": "wet-mangust-7",
        "DSTACK_NODES_NUM": str(count),
        "DSTACK_NODE_RANK": str(rank),
        "DSTACK_NODES_IPS": "\n".join(f"10.0.0.{index + 1}" for index in range(count)),
        "DSTACK_MASTER_NODE_IP": "10.0.0.1",
        "SLURM_JOB_ID": "1",  # dstack on a cluster of Slurm
    }


def slurm(count: int, rank: int) -> dict[str, str]:
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "digits",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_NODES": str(count),
        "SLURM_STEP_NODELIST": "gpu-01" if count == 1 else f"gpu-[01-{count:02}]",
        "SLURM_STEP_TASKS_PER_NODE": "1" if count == 1 else f"1(x{count})",
        "SLURM_NODEID": str(rank),
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": "0",
        "SLURM_NTASKS": str(count),
        "SLURM_RESTART_COUNT": "2",
    }


def vertex(count: int, rank: int) -> dict[str, str]:
    pools = {"workerpool0": '"cmle-training-workerpool0-ab-0:2222"'}
    if count > 1:
        pools["workerpool1"] = ", ".join(f'"cmle-training-workerpool1-ab-{index}:2222"' for index in range(count - 1))
    cluster = ", ".join(f'"{pool}": [{replicas}]' for pool, replicas in reversed(pools.items()))
    task = f'{{"type": "workerpool{min(rank, 1)}", "index": {max(rank - 1, 0)}, "trial": ""}}'
    return {
        "CLOUD_ML_JOB_ID": "123456",
        "CLUSTER_SPEC": f'{{"cluster": {{{cluster}}}, "environment": "cloud", "task": {task}, "job": "{{}}"}}',
    }


def azureml(count: int, rank: int) -> dict[str, str]:
    return {
        "AZUREML_RUN_ID": "calm_sand_1",
        "AZUREML_NODE_COUNT": str(count),
        "NODE_RANK": str(rank),
        "AZ_BATCH_HOST_LIST": ",".join(f"10.0.0.{index + 1}" for index in range(count)),
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "6105",
        "WORLD_SIZE": str(count),
        "RANK": str(rank),
        "LOCAL_RANK": "0",
    }


def azureml_without_list(count: int, rank: int) -> dict[str, str]:
    return {name: text for name, text in azureml(count, rank).items() if name != "AZ_BATCH_HOST_LIST"}


def aws_batch(count: int, rank: int) -> dict[str, str]:
    main = {} if rank == 0 else {"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.1"}
    return {
        "AWS_BATCH_JOB_ID": "106b0d5b#0",
        "AWS_BATCH_JOB_ATTEMPT": "3",
        "AWS_BATCH_JOB_NUM_NODES": str(count),
        "AWS_BATCH_JOB_NODE_INDEX": str(rank),
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0",
        **main,
    }


def kubeflow_torch(count: int, rank: int) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "JOB_COMPLETION_INDEX": str(rank),
        "PET_NNODES": str(count),
        "PET_NODE_RANK": str(rank),
        "PET_NPROC_PER_NODE": "auto",
        "PET_MASTER_ADDR": "digits-node-0-0.digits",
        "PET_MASTER_PORT": "29500",
    }


def kubeflow_jax(count: int, rank: int) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(rank),
        "JAX_COORDINATOR_ADDRESS": "digits-node-0-0.digits:29500",
    }


def kubeflow_xgboost(count: int, rank: int) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "DMLC_NUM_WORKER": str(count),
        "DMLC_TASK_ID": str(rank),
        "DMLC_TRACKER_URI": "digits-node-0-0.digits",
        "DMLC_TRACKER_PORT": "29500",
    }


def kubeflow_v1(count: int, rank: int) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "HOSTNAME": "digits-master-0" if rank == 0 else f"digits-worker-{rank - 1}",
        "MASTER_ADDR": "digits-master-0",
        "MASTER_PORT": "23456",
        "WORLD_SIZE": str(count),
        "RANK": str(rank),
    }


def indexed_job(count: int, rank: int) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "JOB_COMPLETION_INDEX": str(rank),
        "HOSTNAME": f"digits-{rank}",
        "SMC_HOST_COUNT": str(count),
    }


def ray_train(count: int, rank: int) -> dict[str, str]:
    return {
        "RAY_JOB_ID": "01000000",
        "NODE_RANK": str(rank),
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "41234",
    }


def addresses(count: int) -> list[str]:
    return [f"10.0.0.{index + 1}" for index in range(count)]


def made_up(count: int) -> list[str]:
    return [OWN] if count == 1 else [f"node-{index}" for index in range(count)]


def pods_of_trainjob(count: int) -> list[str]:
    return [f"digits-node-0-{index}.digits" for index in range(count)]


CASES: dict[str, tuple[str, Variables, Expected, str | None, int, str | None, int, float]] = {
    # name: platform, variables, hosts, master (None: the first host), port, job name, attempt, grace
    "skypilot": ("skypilot", skypilot, addresses, None, 7777, None, 0, 110),
    "dstack": ("dstack", dstack, addresses, None, 7777, "wet-mangust-7", 0, 8),
    "slurm": ("slurm", slurm, lambda n: [f"gpu-{i + 1:02}" for i in range(n)], None, 25376, "digits", 2, 25),
    "vertex": (
        "vertex",
        vertex,
        lambda n: ["cmle-training-workerpool0-ab-0", *(f"cmle-training-workerpool1-ab-{i}" for i in range(n - 1))],
        None,
        2222,
        "123456",
        0,
        110,
    ),
    "azureml": ("azureml", azureml, addresses, None, 6105, "calm_sand_1", 0, 25),
    "azureml without a list": ("azureml", azureml_without_list, made_up, "10.0.0.1", 6105, "calm_sand_1", 0, 25),
    "aws-batch": ("aws-batch", aws_batch, made_up, "10.0.0.1", 7777, None, 2, 25),
    "kubeflow torch": ("kubeflow", kubeflow_torch, pods_of_trainjob, None, 29500, "digits", 0, 25),
    "kubeflow jax": ("kubeflow", kubeflow_jax, pods_of_trainjob, None, 29500, "digits", 0, 25),
    "kubeflow xgboost": ("kubeflow", kubeflow_xgboost, pods_of_trainjob, None, 7777, "digits", 0, 25),
    "kubeflow v1": (
        "kubeflow",
        kubeflow_v1,
        lambda n: ["digits-master-0", *(f"digits-worker-{i}" for i in range(n - 1))],
        None,
        23456,
        "digits",
        0,
        25,
    ),
    "ray train": ("ray", ray_train, made_up, "10.0.0.1", 41234, None, 0, 2),
}
PLACES = [(name, count, rank) for name in CASES for count in (1, 2, 4) for rank in range(count)]


def environment(tmp_path: Path, variables: dict[str, str]) -> Environment:
    return Environment.create(base_dir=str(tmp_path), environ=variables)


@pytest.mark.parametrize(("name", "count", "rank"), PLACES)
def test_hosts(tmp_path: Path, name: str, count: int, rank: int) -> None:
    platform, variables, expected, master, port, job_name, attempt, grace = CASES[name]
    env = environment(tmp_path, variables(count, rank))
    hosts = expected(count)
    assert (env.platform, env.hosts, env.host_rank) == (platform, hosts, rank)
    assert env.hosts[env.host_rank] == env.current_host
    assert env.distribution_hosts == hosts
    assert (env.is_master, env.is_primary) == (rank == 0, rank == 0)
    assert env.master_port == port
    assert (env.job_name, env.attempt, env.stop_grace) == (job_name, attempt, grace)
    assert env.resource_config["hosts"] == hosts
    if count > 1:
        own = OWN if name == "aws-batch" and rank == 0 else master  # the main node is not told its own address
        assert env.master_hostname == (own or hosts[0])
        assert env.hosts_resolve == (hosts != made_up(count))
        assert env.sources["hosts"].kind == "variable"
        assert env.sources["hosts"].name in variables(count, rank)


@pytest.mark.parametrize(("count", "rank"), [(count, rank) for count in (2, 4) for rank in range(count)])
def test_indexed_job(tmp_path: Path, count: int, rank: int) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text(
        f"127.0.0.1\tlocalhost\n10.1.2.3\tdigits-{rank}.jobs.ml.svc.cluster.local\tdigits-{rank}\n"
    )
    found = platforms.current(indexed_job(count, rank), root=str(tmp_path))
    assert found.hosts == [f"digits-{each}.jobs.ml.svc.cluster.local" for each in range(count)]
    assert (found.rank, found.job_name, found.notes) == (rank, "digits", [])
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    alone = platforms.current(indexed_job(count, rank), root=str(tmp_path))
    assert alone.hosts == [f"digits-{each}" for each in range(count)]
    assert "headless Service" in alone.notes[0]


def test_an_array_of_independent_jobs(tmp_path: Path) -> None:
    variables = indexed_job(4, 3)
    del variables["SMC_HOST_COUNT"]
    env = environment(tmp_path, variables)
    assert (env.hosts, env.host_rank, env.is_primary) == ([OWN], 0, True)
    found = platforms.current(variables)
    assert "SMC_HOST_COUNT=N joins the N pods of the job" in found.notes[0]
    assert "set SMC_HOST_COUNT to spec.completions" in found.no_launcher
    one = platforms.current({**variables, "SMC_HOST_COUNT": "1"})
    assert (one.hosts, one.no_launcher) == (None, "")


@pytest.mark.parametrize("task", range(4))
def test_several_tasks_on_a_node_of_slurm(tmp_path: Path, task: int) -> None:
    variables = {
        **slurm(2, task // 2),
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "SLURM_PROCID": str(task),
        "SLURM_LOCALID": str(task % 2),
    }
    found = platforms.current(variables)
    assert (found.hosts, found.rank, found.task) == (["gpu-01", "gpu-02"], task // 2, task % 2)
    assert "--ntasks-per-node=1, and SMC_PROCESSES_PER_HOST=2" in found.no_launcher
    assert environment(tmp_path, variables).is_primary == (task == 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"SLURM_STEP_ID": "", "SLURM_PROCID": ""},
        {"SLURM_JOB_NAME": "bash"},
        {"SLURM_JOB_NAME": "interactive"},
    ],
    ids=["batch script", "srun --pty bash", "salloc"],
)
def test_what_is_no_step_is_one_host(changes: dict[str, str]) -> None:
    variables = {name: text for name, text in {**slurm(2, 0), **changes}.items() if text}
    assert platforms.current(variables).hosts is None


@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234"},
        {"JOB_ID": "7", "CONTAINER_ID": "8", "SGE_TASK_ID": "1"},
        {"NODE_RANK": "1", "LOCAL_WORLD_SIZE": "1", "WORLD_SIZE": "2"},
        {"PET_NNODES": "2", "PET_NODE_RANK": "0"},
        {"JOB_COMPLETION_INDEX": "1"},
    ],
)
def test_general_variables_alone_are_not_believed(tmp_path: Path, variables: dict[str, str]) -> None:
    assert (environment(tmp_path, variables).platform, environment(tmp_path, variables).hosts) == ("none", [OWN])


def test_rank_and_world_size_in_a_pod_need_the_name_of_the_pod(tmp_path: Path) -> None:
    env = environment(tmp_path, {**kubeflow_v1(2, 1), "HOSTNAME": "notebook-0"})
    assert (env.platform, env.hosts) == ("kubernetes", [OWN])


def test_the_file_of_the_contract_wins(tmp_path: Path) -> None:
    config = tmp_path / "input/config"
    config.mkdir(parents=True)
    (config / "resourceconfig.json").write_text('{"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}')
    env = environment(tmp_path, slurm(4, 3))
    assert (env.platform, env.hosts, env.host_rank, env.stop_grace) == ("sagemaker", ["algo-1", "algo-2"], 1, 110)


@pytest.mark.parametrize("name", [name for name in CASES if name != "slurm"])
def test_the_platform_can_be_named(tmp_path: Path, name: str) -> None:
    variables = {**slurm(2, 1), **CASES[name][1](2, 1)}
    assert environment(tmp_path, {**variables, "SMC_PLATFORM": CASES[name][0]}).platform == CASES[name][0]
    assert environment(tmp_path, {**variables, "SMC_PLATFORM": "slurm"}).platform == "slurm"
    none = environment(tmp_path, {**variables, "SMC_PLATFORM": "none"})
    assert (none.platform, none.hosts, none.stop_grace) == ("none", [OWN], 110)


def test_the_grace_can_be_set(tmp_path: Path) -> None:
    env = environment(tmp_path, {**slurm(1, 0), "SMC_STOP_GRACE": "90"})
    assert (env.stop_grace, str(env.sources["stop_grace"])) == (90, "variable SMC_STOP_GRACE")


def test_places_of_vertex(tmp_path: Path) -> None:
    (tmp_path / "gcs/bucket").mkdir(parents=True)
    variables = {
        **vertex(1, 0),
        "AIP_MODEL_DIR": "gs://bucket/job/model/",
        "AIP_CHECKPOINT_DIR": "gs://bucket/job/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": "gs://other/logs/",
        "AIP_TRAINING_DATA_URI": "gs://bucket/data/",
    }
    found = platforms.current(variables, root=str(tmp_path))
    assert found.model_dir == f"{tmp_path}/gcs/bucket/job/model"
    assert found.checkpoint_dir == f"{tmp_path}/gcs/bucket/job/checkpoints"
    assert found.tensorboard_dir is None  # that bucket is not mounted
    assert found.channels == {"training": f"{tmp_path}/gcs/bucket/data"}


def test_places_of_azure(tmp_path: Path) -> None:
    variables = {
        **azureml(1, 0),
        "AZURE_ML_INPUT_training": str(tmp_path / "in"),
        "AZURE_ML_OUTPUT_model": str(tmp_path / "out"),
        "AZURE_ML_INPUT_remote": "azureml://datastores/x",
    }
    env = environment(tmp_path, variables)
    assert env.channel_dirs == {"training": str(tmp_path / "in")}
    assert env.model_dir == str(tmp_path / "out")
    assert str(env.sources["model_dir"]) == "variable AZURE_ML_OUTPUT_model"
    assert str(env.sources["channel_dirs.training"]) == "variable AZURE_ML_INPUT_training"


def test_storage_that_is_not_mounted_is_not_used_and_a_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "gcs/there").mkdir(parents=True)
    environ = {
        "CLOUD_ML_JOB_ID": "1",
        "AIP_MODEL_DIR": "gs://there/model",
        "AIP_CHECKPOINT_DIR": "gs://absent/checkpoints",
    }
    platform = platforms.current(environ, root=str(tmp_path))
    assert (platform.model_dir, platform.checkpoint_dir) == (f"{tmp_path}/gcs/there/model", None)
    assert platform.notes == [
        "AIP_CHECKPOINT_DIR is gs://absent/checkpoints, which is not mounted below /gcs: it is not used"
    ]


def test_kubeflow_s_folders_are_channels_and_checkpoints(tmp_path: Path) -> None:
    for name in ("dataset", "model", "checkpoints"):
        (tmp_path / "workspace" / name).mkdir(parents=True)
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "PET_NNODES": "1", "PET_NODE_RANK": "0"}
    platform = platforms.current(environ, root=str(tmp_path))
    workspace = tmp_path / "workspace"
    assert platform.channels == {"training": f"{workspace}/dataset", "model": f"{workspace}/model"}
    assert platform.checkpoint_dir == f"{workspace}/checkpoints"


def test_azure_s_inputs_by_their_new_and_old_names() -> None:
    environ = {
        "AZUREML_RUN_ID": "run_1",
        "AZURE_ML_INPUT_training": "/new",
        "AZUREML_DATAREFERENCE_training": "/old",
        "AZUREML_DATAREFERENCE_other": "/other",
    }
    assert platforms.current(environ).channels == {"training": "/new", "other": "/other"}


@pytest.mark.parametrize(("count", "job"), [({}, "digits-1"), ({"SMC_HOST_COUNT": "2"}, "digits")])
def test_a_pod_that_is_a_job_of_its_own_is_not_taken_for_the_others(count: dict[str, str], job: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1", "HOSTNAME": "digits-1", **count}
    assert platforms.current(environ).job_id == job


def test_who_gets_the_stop_signal() -> None:
    """Slurm signals each process of a step; Ray the entry point of a job with its descendants, and no worker."""
    entry_point = {"RAY_ADDRESS": "10.0.0.1:6379", "RAY_JOB_ID": "01000000"}
    told = [slurm(2, 1), entry_point]
    alone = [ray_train(2, 1), {"SLURM_JOB_ID": "1"}, kubeflow_torch(2, 1), aws_batch(2, 1), {}]
    assert [platforms.signals_every_process(each) for each in told] == [True, True]
    assert [platforms.signals_every_process(each) for each in alone] == [False] * len(alone)
