"""A launcher that is asked for and that no plugin has."""

from __future__ import annotations

import pytest

from smc_core.testing import JobFolder


@pytest.mark.parametrize(
    ("params", "variables", "who"),
    [
        ({"sagemaker_mpi_enabled": True}, {}, "hyperparameter sagemaker_mpi_enabled"),
        ({}, {"SMC_LAUNCHER": "torchrnu"}, "variable SMC_LAUNCHER=torchrnu"),
    ],
)
def test_several_hosts_do_not_train_each_for_itself(
    job: JobFolder, params: dict[str, bool], variables: dict[str, str], who: str
) -> None:
    job.hosts("localhost", "127.0.0.1").hyperparameters(**params).code(train_py="print('trained')")
    ended = job.run("train.py", **variables)
    assert ended.exit_code == 3
    assert "trained" not in ended.stdout
    assert ended.failure is not None
    assert ended.failure.startswith(f"PluginError: {who} asks for a launcher on 2 hosts, and no plugin has it")


def test_one_host_trains_alone(job: JobFolder) -> None:
    ended = job.hyperparameters(sagemaker_mpi_enabled=True).code(train_py="print('trained')").run("train.py")
    assert ended.exit_code == 0, ended.stderr


def test_none_is_an_answer(job: JobFolder) -> None:
    job.hosts("localhost", "127.0.0.1").hyperparameters(sagemaker_mpi_enabled=True).code(train_py="print('trained')")
    assert job.run("train.py", SMC_LAUNCHER="none").exit_code == 0
