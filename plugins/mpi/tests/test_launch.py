"""The command that each host of a job gets, and what is refused."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.testing import JobFolder
from smc_mpi.agent import daemon_of
from smc_mpi.launch import mpirun_command
from smc_mpi.programs import AGENT, MASTER, RANK, SERVE


@pytest.fixture
def mpirun(tmp_path: Path) -> str:
    """A folder with a program called ``mpirun``."""
    path = tmp_path / "bin" / "mpirun"
    path.parent.mkdir()
    path.touch(mode=0o755)
    return str(path)


ARGV = (sys.executable, "script.py", "train.py", "--epochs", "5")


def launched(job: JobFolder, mpirun: str, **variables: str) -> Command | None:
    environ = {"PATH": os.path.dirname(mpirun), **variables}
    environment = Environment.create(base_dir=str(job.base), environ=environ)
    return mpirun_command(environment, Command(ARGV, environ, "code", "script"), interfaces=str(job.base / "net"))


def mpi(job: JobFolder, **more: Any) -> JobFolder:
    return job.hyperparameters(sagemaker_mpi_enabled=True, **more)


def test_a_job_that_does_not_ask_for_it_is_left_alone(job: JobFolder, mpirun: str) -> None:
    assert launched(job, mpirun) is None
    assert launched(job, mpirun, SMC_LAUNCHER="torchrun") is None
    assert launched(mpi(job), mpirun, SMC_LAUNCHER="none") is None
    assert launched(mpi(job), mpirun, SMC_LAUNCHER="torchrun") is None


def test_one_host_needs_no_agent(job: JobFolder, mpirun: str) -> None:
    command = launched(mpi(job, sagemaker_mpi_num_of_processes_per_host=4), mpirun)
    assert command is not None
    assert command.argv[:4] == (sys.executable, MASTER, "--", mpirun)
    assert command.argv[-len(ARGV) - 4 :] == (sys.executable, RANK, "process", "--", *ARGV)
    assert command.argv[command.argv.index("--host") + 1] == "localhost:4"
    assert command.argv[command.argv.index("-np") + 1] == "4"
    assert not [name for name in command.environ if "MCA" in name]
    assert not command.serves


def test_the_master_starts_and_the_others_serve(job: JobFolder, mpirun: str) -> None:
    (job.base / "net/eth0").mkdir(parents=True)
    hosts = ["algo-1", "algo-2", "algo-3"]
    mpi(job.hosts(*hosts), sagemaker_mpi_num_of_processes_per_host=2, sagemaker_mpi_custom_mpi_options="-x 'A=b c'")
    master = launched(job, mpirun, OMPI_MCA_btl_tcp_if_include="mine")
    assert master is not None
    assert master.argv[master.argv.index("--host") + 1] == "algo-1:2,algo-2:2,algo-3:2"
    assert master.argv[master.argv.index("-np") + 1] == "6"
    assert master.argv[master.argv.index("-x") + 1] == "A=b c"
    assert master.environ["PRTE_MCA_plm_ssh_agent"] == f"{sys.executable} {AGENT} --port 7779"
    assert master.environ["PRTE_MCA_prte_if_include"] == "eth0"
    assert master.environ["OMPI_MCA_btl_tcp_if_include"] == "mine"
    other = launched(job.hosts(*hosts, current="algo-3"), mpirun)
    assert other is not None
    assert other.argv[:2] == (sys.executable, SERVE)
    assert other.serves


@pytest.mark.parametrize("option", ["-np 3", "--np 3", "-n 3", "--n=3", "-c 3", "-np"])
def test_a_number_of_ranks_among_the_options_is_ignored_with_a_line(
    job: JobFolder, mpirun: str, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    mpi(job, sagemaker_mpi_custom_mpi_options=f"--tag-output {option}" + " --timestamp-output" * (option != "-np"))
    command = launched(job, mpirun, SMC_PROCESSES_PER_HOST="2")
    assert command is not None
    assert command.argv[command.argv.index("-np") : command.argv.index(sys.executable, 3)][:5] == (
        *("-np", "2", "--bind-to", "none", "--tag-output"),
    )
    assert "3" not in command.argv
    assert f"{option} in sagemaker_mpi_custom_mpi_options is ignored: sagemaker_mpi_num_processes sets" in (
        capfd.readouterr().err
    )


def test_only_the_group_that_distributes_takes_part(job: JobFolder, mpirun: str) -> None:
    groups = [
        {"instance_group_name": "gpus", "instance_type": "ml.g5.xlarge", "hosts": ["algo-2", "algo-3"]},
        {"instance_group_name": "cpus", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
    ]
    mpi(job, sagemaker_distribution_instance_groups=["gpus"])
    hosts = ("algo-1", "algo-2", "algo-3")
    job.hosts(*hosts, current="algo-1", current_group_name="cpus", instance_groups=groups)
    assert launched(job, mpirun) is None
    job.hosts(*hosts, current="algo-2", current_group_name="gpus", instance_groups=groups)
    command = launched(job, mpirun)
    assert command is not None
    assert command.argv[command.argv.index("--host") + 1] == "algo-2:1,algo-3:1"


def test_simulated_hosts_are_refused(job: JobFolder, mpirun: str) -> None:
    mpi(job.hosts("algo-1", "algo-2", network_interface_name="lo"))
    with pytest.raises(ConfigurationError, match="leave --hosts out, and set SMC_PROCESSES_PER_HOST=2"):
        launched(job, mpirun)


@pytest.mark.parametrize(
    ("params", "variables", "said"),
    [
        ({"sagemaker_mpi_num_of_processes_per_host": 0}, {}, "sagemaker_mpi_num_of_processes_per_host is '0'"),
        ({"sagemaker_mpi_num_of_processes_per_host": "two"}, {}, "sagemaker_mpi_num_of_processes_per_host"),
        ({}, {"SMC_PROCESSES_PER_HOST": "-1"}, "variable SMC_PROCESSES_PER_HOST is '-1'"),
        ({"sagemaker_mpi_num_processes": 0}, {}, "sagemaker_mpi_num_processes is '0'"),
        ({"sagemaker_mpi_custom_mpi_options": "-x 'A"}, {}, "sagemaker_mpi_custom_mpi_options is no command line"),
    ],
)
def test_what_is_wrong_is_said(
    job: JobFolder, mpirun: str, params: dict[str, Any], variables: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        launched(mpi(job, **params), mpirun, **variables)


def test_an_environment_that_is_not_activated_has_its_mpirun_beside_the_interpreter(
    job: JobFolder, mpirun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", os.path.join(os.path.dirname(mpirun), "python"))
    command = launched(mpi(job), mpirun, PATH="/nowhere")
    assert command is not None
    assert mpirun in command.argv
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigurationError, match="there is no mpirun"):
        launched(mpi(job), mpirun, PATH="/nowhere")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            'A=/x;export A;B=/y:$B;export B;/x/bin/prted --prtemca ess "env" --uri "a;b|c"',
            ("prted", ["--prtemca", "ess", "env", "--uri", "a;b|c"]),
        ),
        ("orted -mca ess '\"env\"'", ("orted", ["-mca", "ess", '"env"'])),
    ],
)
def test_the_daemon_is_found_in_a_command_for_a_shell(command: str, expected: tuple[str, list[str]]) -> None:
    assert daemon_of(command) == expected


@given(st.lists(st.text()))
def test_arguments_of_the_daemon_come_through_unharmed(arguments: list[str]) -> None:
    assert daemon_of(shlex.join(["/usr/bin/prted", *arguments])) == ("prted", arguments)


def test_another_command_is_refused() -> None:
    with pytest.raises(ValueError, match="no daemon of Open MPI"):
        daemon_of("rm -rf /")
