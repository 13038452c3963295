"""A launcher that a job requires, and no plugin provides."""

from __future__ import annotations

import pytest

from smc_core.testing import JobFolder


@pytest.mark.parametrize(
    ("params", "variables", "who"),
    [
        ({"sagemaker_mpi_enabled": True}, {}, "hyperparameter sagemaker_mpi_enabled"),
        ({"sagemaker_loom_enabled": True}, {}, "hyperparameter sagemaker_loom_enabled"),
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
    assert ended.failure.startswith(
        f"PluginError: {who} requires a launcher for 2 hosts, but no installed plugin provides"
    )


def test_one_host_does_not_train_in_one_plain_process(job: JobFolder) -> None:
    ended = job.code(train_py="print('trained')").run("train.py", SMC_LAUNCHER="torchrunn")
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert (ended.failure or "").startswith(
        "PluginError: variable SMC_LAUNCHER=torchrunn requires a launcher, but no installed plugin provides it"
    )


def test_none_is_an_answer(job: JobFolder) -> None:
    job.hosts("localhost", "127.0.0.1").hyperparameters(sagemaker_mpi_enabled=True).code(train_py="print('trained')")
    assert job.run("train.py", SMC_LAUNCHER="none").exit_code == 0
