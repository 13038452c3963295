"""What a job asks for: torchrun or not, how many processes, and what each of them knows of itself."""

from __future__ import annotations

import os
from typing import Any

import pytest

from smc_core import hookimpl
from smc_core.environment import Environment as CoreEnvironment
from smc_core.errors import ConfigurationError
from smc_core.testing import JobFolder, PluginManager
from smc_pytorch.environment import Environment, get_world_size, place
from smc_pytorch.processes import choose_backend, processes_per_host, torchrun_is_asked_for

TORCHRUN = {"SMC_LAUNCHER": "torchrun"}


def environment(job: JobFolder, gpus: int = 0, **params: Any) -> CoreEnvironment:
    job.hyperparameters(**params)
    return CoreEnvironment.create(base_dir=str(job.base), environ={}).extend(gpu_count=gpus)


@pytest.mark.parametrize(
    ("hosts", "processes", "world"), [(1, 1, 1), (1, 8, 8), (2, 8, 16), (3, 0, 3)], ids=lambda value: str(value)
)
def test_the_world_is_hosts_times_processes(hosts: int, processes: int, world: int) -> None:
    assert get_world_size(hosts, processes) == world


@pytest.mark.parametrize("text", ["true", "True", '"true"', "1"])
def test_the_hyperparameter_of_the_sdk_asks_for_torchrun(job: JobFolder, text: str) -> None:
    assert torchrun_is_asked_for(environment(job, sagemaker_torch_distributed_enabled=text), {})


@pytest.mark.parametrize("text", ["false", "False", ""])
def test_it_can_be_off(job: JobFolder, text: str) -> None:
    assert not torchrun_is_asked_for(environment(job, sagemaker_torch_distributed_enabled=text), {})


def test_a_switch_that_is_neither(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="'sagemaker_torch_distributed_enabled' is 'maybe', not true or false"):
        torchrun_is_asked_for(environment(job, sagemaker_torch_distributed_enabled="maybe"), {})


@pytest.mark.parametrize(("launcher", "asked"), [("torchrun", True), ("none", False), ("mpirun", False)])
@pytest.mark.parametrize("switch", ["true", "false"])
def test_the_variable_wins(job: JobFolder, launcher: str, asked: bool, switch: str) -> None:
    job_environment = environment(job, sagemaker_torch_distributed_enabled=switch)
    assert torchrun_is_asked_for(job_environment, {"SMC_LAUNCHER": launcher}) is asked


@pytest.mark.parametrize(
    ("switch", "word"),
    [
        ("sagemaker_distributed_dataparallel_enabled", "SMDDP"),
        ("sagemaker_pytorch_ddp_enabled", "AWS's own launcher"),
        ("sagemaker_pytorch_xla_multi_worker_enabled", "XRT"),
    ],
)
def test_a_launcher_that_is_gone_is_an_error_that_names_the_way(job: JobFolder, switch: str, word: str) -> None:
    job_environment = environment(job, **{switch: True})
    with pytest.raises(ConfigurationError, match=rf"{switch} asks for {word}.*torch_distributed"):
        torchrun_is_asked_for(job_environment, {})
    assert torchrun_is_asked_for(job_environment, TORCHRUN)


@pytest.mark.parametrize(
    ("gpus", "params", "environ", "count"),
    [
        (0, {}, {}, 1),
        (4, {}, {}, 4),
        (4, {"sagemaker_mpi_num_of_processes_per_host": 2}, {}, 2),
        (0, {"sagemaker_mpi_num_of_processes_per_host": "3"}, {}, 3),
        (4, {"sagemaker_mpi_num_of_processes_per_host": 2}, {"SMC_PROCESSES_PER_HOST": "1"}, 1),
        (1, {}, {"SMC_PROCESSES_PER_HOST": "2", "SMC_TORCH_BACKEND": "gloo"}, 2),
    ],
)
def test_the_number_of_processes(
    job: JobFolder, gpus: int, params: dict[str, Any], environ: dict[str, str], count: int
) -> None:
    assert processes_per_host(environment(job, gpus, **params), environ)[0] == count


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_processes_that_is_none(job: JobFolder, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SMC_PROCESSES_PER_HOST is '{text}', not a whole number from 1 on"):
        processes_per_host(environment(job), {"SMC_PROCESSES_PER_HOST": text})
    job_environment = environment(job, sagemaker_mpi_num_of_processes_per_host=text)
    with pytest.raises(ConfigurationError, match="sagemaker_mpi_num_of_processes_per_host is"):
        processes_per_host(job_environment, {})


def test_more_processes_than_gpus(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match=r"is 3, and this host has 2 GPUs: NCCL wants one for each"):
        processes_per_host(environment(job, 2), {"SMC_PROCESSES_PER_HOST": "3"})


@pytest.mark.parametrize(
    ("gpus", "environ", "backend"),
    [
        (0, {}, "gloo"),
        (1, {}, "nccl"),
        (8, {"SMC_TORCH_BACKEND": "gloo"}, "gloo"),
        (0, {"SMC_TORCH_BACKEND": ""}, "gloo"),
    ],
)
def test_the_backend(gpus: int, environ: dict[str, str], backend: str) -> None:
    assert choose_backend(gpus, environ)[0] == backend


def test_alone_it_is_the_only_process(job: JobFolder) -> None:
    fields = place(environment(job), {})
    assert (fields["world_size"], fields["rank"], fields["local_rank"], fields["processes_per_host"]) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("environ", "world", "rank"),
    [
        ({}, 1, 0),
        ({"SMC_LAUNCHER": "none"}, 1, 0),
        ({"SMC_LAUNCHER": "mpi"}, 2, 1),
        ({"SMC_TORCH_BACKEND": "none"}, 2, 1),
    ],
    ids=["no launcher", "none wanted", "another launcher", "the user joins them"],
)
def test_hosts_that_nothing_joins_are_worlds_of_their_own(
    job: JobFolder, environ: dict[str, str], world: int, rank: int
) -> None:
    fields = place(environment(job.hosts("algo-1", "algo-2", current="algo-2")), environ)
    assert (fields["world_size"], fields["rank"]) == (world, rank)


def test_before_torchrun_it_is_what_the_job_will_be(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", current="algo-2")
    fields = place(environment(job), {**TORCHRUN, "SMC_PROCESSES_PER_HOST": "4"})
    assert (fields["world_size"], fields["rank"], fields["processes_per_host"]) == (8, 4, 4)
    assert (fields["master_addr"], fields["master_port"]) == ("algo-1", 7777)
    assert str(fields["sources"]["world_size"]) == "variable SMC_PROCESSES_PER_HOST"


def test_in_a_process_of_torchrun_it_is_what_that_tells(job: JobFolder) -> None:
    told = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "2"}
    fields = place(environment(job), {**told, "MASTER_ADDR": "algo-9", "MASTER_PORT": "29400"})
    assert (fields["rank"], fields["local_rank"], fields["world_size"], fields["processes_per_host"]) == (5, 1, 6, 2)
    assert (fields["master_addr"], fields["master_port"]) == ("algo-9", 29400)
    assert str(fields["sources"]["rank"]) == "variable RANK"


def test_in_a_process_of_open_mpi_it_is_what_that_tells(job: JobFolder) -> None:
    names = {"RANK": "3", "SIZE": "4", "LOCAL_RANK": "1", "LOCAL_SIZE": "2"}
    fields = place(environment(job), {f"OMPI_COMM_WORLD_{name}": text for name, text in names.items()})
    assert (fields["rank"], fields["local_rank"], fields["world_size"], fields["processes_per_host"]) == (3, 1, 4, 2)


def test_a_rank_that_is_none(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="variable RANK is 'first', not a whole number"):
        place(environment(job), {"RANK": "first"})


def test_only_the_group_that_distributes_has_more_than_one_process(job: JobFolder) -> None:
    groups = [
        {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]},
        {"instance_group_name": "train", "instance_type": "ml.p4d.24xlarge", "hosts": ["algo-3", "algo-2"]},
    ]
    params = {"sagemaker_distribution_instance_groups": ["train"], "sagemaker_torch_distributed_enabled": True}

    def on(host: str, group: str) -> tuple[int, int]:
        job.hosts("algo-1", "algo-2", "algo-3", current=host, current_group_name=group, instance_groups=groups)
        fields = place(environment(job, **params), {"SMC_PROCESSES_PER_HOST": "2"})
        return fields["rank"], fields["world_size"]

    assert [on("algo-1", "data"), on("algo-3", "train"), on("algo-2", "train")] == [(0, 1), (0, 4), (2, 4)]


def test_the_hook_gives_the_fields_and_their_sources(plugin_manager: PluginManager) -> None:
    plugins = plugin_manager.register("pytorch").assume(gpu_count=0)
    made = plugins.create_environment(**TORCHRUN, SMC_PROCESSES_PER_HOST="2")
    assert isinstance(made, Environment)
    assert made.dict()["world_size"] == 2
    assert str(made.sources["backend"]) == "no GPU on this machine"
    assert "RANK" not in os.environ


def test_a_script_creates_it_by_itself(job: JobFolder) -> None:
    told = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    made = Environment.create(base_dir=str(job.base), environ=told, region="eu-west-1")
    assert type(made) is Environment
    assert (made.rank, made.world_size, made.region) == (1, 2, "eu-west-1")
    assert not made.is_primary


def test_another_plugin_may_have_a_backend_too(plugin_manager: PluginManager) -> None:
    class Other(CoreEnvironment):
        backend: str | None = None

    class Keras:
        @hookimpl(wrapper=True)
        def create_environment(self) -> Any:
            made = yield
            return made.extend(Other, backend="torch")

    made = plugin_manager.register("pytorch").register(Keras()).create_environment()
    assert (made.backend, made.world_size) == ("torch", 1)
