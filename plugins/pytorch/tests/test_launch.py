"""The command that torchrun starts, and what is said where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, PluginVersionError
from smc_core.testing import JobFolder, PluginManager
from smc_pytorch import advice, launch, network, plugin
from smc_pytorch.launch import TORCHRUN, torchrun_command

ASKED = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "2"}
SCRIPT = Command(("python", "script.py", "train.py", "--epochs", "5"), ASKED, "/", "script")
GROUPS = [
    {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]},
    {"instance_group_name": "train", "instance_type": "ml.p4d.24xlarge", "hosts": ["algo-3", "algo-2"]},
]


@pytest.fixture(autouse=True)
def _there_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether PyTorch is there is not looked at here: nothing of it is needed."""
    for module in (launch, plugin):
        monkeypatch.setattr(module, "is_installed", {"torch"}.__contains__)


def environment(job: JobFolder, **update: Any) -> Environment:
    made = Environment.create(base_dir=str(job.base), environ={})
    return made.extend(**{"cpu_count": 8, "gpu_count": 0, **update})


@pytest.fixture
def plugins(plugin_manager: PluginManager) -> PluginManager:
    """The core and this plugin, on a machine without GPUs."""
    return plugin_manager.register("pytorch").assume(cpu_count=8, gpu_count=0)


PLAIN = Command(("python", "script.py", "train.py"), {}, "/", "script")


def test_on_one_host_torchrun_takes_a_free_port(job: JobFolder) -> None:
    command = torchrun_command(environment(job, job_name="digits"), SCRIPT)
    assert command is not None
    assert command.argv == (
        *("python", TORCHRUN, "--nproc-per-node=2", "--nnodes=1", "--max-restarts=0"),
        *("--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--rdzv-id=digits"),
        *("script.py", "train.py", "--epochs", "5"),
    )
    assert command.launcher == "torchrun"


def test_on_several_hosts_they_meet_at_the_master(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-10", "algo-2", current="algo-2")
    command = torchrun_command(environment(job), SCRIPT)
    assert command is not None
    assert command.argv[2:8] == (
        *("--nproc-per-node=2", "--nnodes=3", "--max-restarts=0"),
        *("--node-rank=2", "--master-addr=algo-1", "--master-port=7777"),
    )


def test_only_the_group_that_distributes_is_launched(job: JobFolder, capfd: pytest.CaptureFixture[str]) -> None:
    job.hyperparameters(sagemaker_distribution_instance_groups=["train"])
    hosts = ("algo-1", "algo-2", "algo-3")
    job.hosts(*hosts, current="algo-2", current_group_name="train", instance_groups=GROUPS)
    command = torchrun_command(environment(job), SCRIPT)
    assert command is not None
    assert {"--nnodes=2", "--node-rank=1", "--master-addr=algo-3"} < set(command.argv)
    job.hosts(*hosts, current="algo-1", current_group_name="data", instance_groups=GROUPS)
    assert torchrun_command(environment(job), SCRIPT) is None
    assert "algo-1 runs without torchrun: its instance group does not distribute" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("processors", "given", "threads"), [(8, {}, "4"), (1, {}, "1"), (8, {"OMP_NUM_THREADS": "3"}, "3")]
)
def test_the_threads_of_a_process_are_its_share_of_the_processors(
    job: JobFolder, processors: int, given: dict[str, str], threads: str
) -> None:
    command = torchrun_command(environment(job, cpu_count=processors), SCRIPT._replace(environ={**ASKED, **given}))
    assert command is not None
    assert command.environ["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize("launcher", ["", "none", "mpirun"])
def test_a_job_that_does_not_ask_is_left_alone(job: JobFolder, launcher: str) -> None:
    assert torchrun_command(environment(job), SCRIPT._replace(environ={"SMC_LAUNCHER": launcher})) is None


def test_an_executable_cannot_be_launched(job: JobFolder) -> None:
    command = Command(("/bin/sh", "run.sh"), {**ASKED, "SM_USER_ENTRY_POINT": "run.sh"}, "/", "executable")
    with pytest.raises(ConfigurationError, match=r"torchrun cannot start run\.sh: it starts Python files and modules"):
        torchrun_command(environment(job), command)


def test_without_torch_the_error_says_what_to_install(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "is_installed", set().__contains__)
    with pytest.raises(ConfigurationError, match=r"PyTorch is not installed; pip install torch"):
        torchrun_command(environment(job), SCRIPT)


def test_several_hosts_and_no_launcher_are_one_line(plugins: PluginManager, capfd: pytest.CaptureFixture[str]) -> None:
    plugins.job.hosts("algo-1", "algo-2", current="algo-2")
    plugins.launch(PLAIN)
    assert (
        "2 hosts, and each trains for itself: SMC_LAUNCHER=torchrun lets them train together" in capfd.readouterr().err
    )
    plugins.launch(PLAIN, SMC_LAUNCHER="none")
    plugins.launch(PLAIN, **ASKED)
    assert "trains for itself" not in capfd.readouterr().err


def test_several_gpus_and_no_launcher_are_one_line(plugins: PluginManager, capfd: pytest.CaptureFixture[str]) -> None:
    plugins.assume(gpu_count=4).launch(PLAIN)
    said = [line for line in capfd.readouterr().err.splitlines() if "GPU" in line]
    assert len(said) == 1
    assert "one process, and 4 GPUs: where PyTorch trains, SMC_LAUNCHER=torchrun starts one for each" in said[0]
    plugins.launch(PLAIN, SMC_LAUNCHER="none")
    plugins.launch(PLAIN, **ASKED)
    plugins.assume(gpu_count=1).launch(PLAIN)
    assert "GPU" not in capfd.readouterr().err


def test_little_shared_memory_is_one_line(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Small:
        f_blocks, f_frsize = 1024, 64 * 1024

    monkeypatch.setattr(advice.os, "statvfs", lambda path: Small)
    advice.warn_of_little_shared_memory()
    monkeypatch.undo()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "/dev/shm has 64.0 MiB" in said[0]
    assert "--shm-size" in said[0]
    advice.warn_of_little_shared_memory("/nowhere")
    assert capfd.readouterr().err == ""


def test_several_hosts_without_a_launcher_are_told_where_they_meet(plugins: PluginManager) -> None:
    plugins.job.hosts("algo-1", "algo-2", current="algo-2")
    command = plugins.launch(PLAIN)
    assert command.launcher is None
    assert command.argv == PLAIN.argv
    told = {"MASTER_ADDR": "algo-1", "MASTER_PORT": "7777", "NCCL_DEBUG": "WARN"}
    assert {name: command.environ.get(name) for name in told} == told


def test_one_host_is_told_nothing(plugins: PluginManager) -> None:
    assert plugins.job_variables() == {}
    assert plugins.launch(PLAIN).launcher is None


def test_a_torch_that_is_too_old_is_an_error(
    plugins: PluginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "torch-1.13.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.13.1\n")
    (tmp_path / "torch.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    plugins.job.code(train_py="def train(): ...")
    with pytest.raises(PluginVersionError, match=r"smc-pytorch \S+ needs torch\S+, and 1\.13\.1 is installed"):
        plugins.launch()


def test_the_plan_shows_the_command(job: JobFolder) -> None:
    job.code(train_py="def train(): pass").hyperparameters(sagemaker_torch_distributed_enabled=True)
    ended = subprocess.run(
        [sys.executable, "-m", "smc_core", "plan"],
        env=job.environ("train.py", SMC_PROCESSES_PER_HOST="2"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "--nproc-per-node=2" in ended.stdout
    assert os.path.join("smc_pytorch", "torchrun.py") in ended.stdout


def test_a_bad_setting_ends_the_job_with_two_lines(job: JobFolder) -> None:
    job.code(train_py="def train(): pass")
    ended = job.run("train.py", SMC_LAUNCHER="torchrun", SMC_PROCESSES_PER_HOST="many")
    assert ended.exit_code == 2
    assert ended.failure is not None
    assert "SMC_PROCESSES_PER_HOST is 'many'" in ended.failure.splitlines()[0]


def test_what_is_told_of_the_network_is_from_this_machine(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", network_interface_name="lo")
    found = network.network_variables(environment(job), {})
    assert found["GLOO_SOCKET_IFNAME"] == "lo"
