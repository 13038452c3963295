"""What a job says about its launcher, by variables and by the hyperparameters of the SageMaker SDK."""

from __future__ import annotations

from typing import Any

import pytest

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.launching import is_asked_for, processes_per_host, takes_part, who_asks
from smc_core.provenance import Source
from smc_core.testing import JobFolder

PARAM = "sagemaker_torch_distributed_enabled"


def environment(job: JobFolder, **params: Any) -> Environment:
    return Environment.create(base_dir=str(job.hyperparameters(**params).base), environ={})


@pytest.mark.parametrize(
    ("params", "environ", "asked", "by"),
    [
        ({}, {}, False, None),
        ({PARAM: True}, {}, True, f"hyperparameter {PARAM}"),
        ({PARAM: "True"}, {}, True, f"hyperparameter {PARAM}"),
        ({PARAM: False}, {}, False, None),
        ({PARAM: ""}, {}, False, None),
        ({"sagemaker_mpi_enabled": True}, {}, False, "hyperparameter sagemaker_mpi_enabled"),
        ({"sagemaker_loom_enabled": "1"}, {}, False, "hyperparameter sagemaker_loom_enabled"),
        ({"sagemaker_training_compiler_enabled": True}, {}, False, None),
        ({"sagemaker_toolkit_native_launcher_enabled": True}, {}, False, None),
        ({"sagemaker_loom_enabled": None}, {}, False, None),
        ({}, {"SMC_LAUNCHER": "torchrun"}, True, "variable SMC_LAUNCHER=torchrun"),
        ({}, {"SMC_LAUNCHER": " TorchRun "}, True, "variable SMC_LAUNCHER=torchrun"),
        ({PARAM: True}, {"SMC_LAUNCHER": "none"}, False, None),
        ({PARAM: True}, {"SMC_LAUNCHER": "mpi"}, False, "variable SMC_LAUNCHER=mpi"),
    ],
)
def test_the_variable_wins_over_the_hyperparameter(
    job: JobFolder, params: dict[str, Any], environ: dict[str, str], asked: bool, by: str | None
) -> None:
    known = environment(job, **params)
    assert is_asked_for("torchrun", PARAM, known, environ) == asked
    assert who_asks(known, environ) == by


def test_a_switch_that_is_neither_true_nor_false_is_refused(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="sagemaker_mpi_enabled"):
        environment(job, sagemaker_mpi_enabled="perhaps")


@pytest.mark.parametrize(
    ("params", "environ", "expected"),
    [
        ({}, {}, (1, Source("rule", "no GPU on this machine"))),
        ({"n": 4}, {}, (4, Source("hyperparameter", "sagemaker_mpi_num_of_processes_per_host"))),
        ({"n": "4"}, {"SMC_PROCESSES_PER_HOST": "2"}, (2, Source("variable", "SMC_PROCESSES_PER_HOST"))),
    ],
)
def test_processes_of_a_host(
    job: JobFolder, params: dict[str, Any], environ: dict[str, str], expected: tuple[int, Source]
) -> None:
    renamed = {f"sagemaker_mpi_num_of_processes_per_host{'' if name == 'n' else name}": v for name, v in params.items()}
    known = environment(job, **renamed).extend(gpu_count=0)
    assert processes_per_host(known, environ) == expected
    assert processes_per_host(environment(job).extend(gpu_count=8), {}) == (8, Source("rule", "GPUs of this machine"))


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two"])
def test_a_number_of_processes_that_is_none(job: JobFolder, text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a whole number from 1 on"):
        processes_per_host(environment(job), {"SMC_PROCESSES_PER_HOST": text})


def test_only_hosts_of_a_group_that_distributes_take_part(job: JobFolder) -> None:
    groups = [
        {"instance_group_name": "gpus", "instance_type": "ml.g5.xlarge", "hosts": ["algo-2"]},
        {"instance_group_name": "cpus", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
    ]
    job.hyperparameters(sagemaker_distribution_instance_groups=["gpus"])
    for host, group, expected in (("algo-1", "cpus", False), ("algo-2", "gpus", True)):
        job.hosts("algo-1", "algo-2", current=host, current_group_name=group, instance_groups=groups)
        assert takes_part(Environment.create(base_dir=str(job.base), environ={})) == expected
