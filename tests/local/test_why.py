"""``smc why NAME``: a value, where it came from, what else was considered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.cli.answers import why as explain
from smc_core.settings import CORE
from smc_core.testing import JobFolder


def smc(job: JobFolder, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smc_core", *arguments]
    return subprocess.run(command, env=job.environ(None, **variables), capture_output=True, text=True, check=False)


def why(job: JobFolder, name: str, **variables: str) -> dict:
    return json.loads(smc(job, "why", name, "--json", **variables).stdout)


@pytest.fixture
def digits(job: JobFolder) -> JobFolder:
    job.channel("training")
    return job.raw_hyperparameters(
        {"learning-rate": "1e-3", "api_key": "hunter2-and-more", "sagemaker_program": "train.py"}
    )


def test_processors_are_told_with_all_that_limits_them(digits: JobFolder) -> None:
    answer = why(digits, "SM_NUM_CPUS")
    allowed = len(os.sched_getaffinity(0))
    assert int(answer["value"]) <= allowed
    assert answer["source"] == "this machine"
    assert answer["considered"][0]["found"] == str(allowed)
    assert "Environment.cpu_count" in answer["also"]


@pytest.mark.parametrize("name", ["--learning-rate", "learning-rate", "learning_rate", "SM_HP_LEARNING_RATE"])
def test_a_hyperparameter_under_each_of_its_names(digits: JobFolder, name: str) -> None:
    answer = why(digits, name)
    assert answer["value"] == "1e-3"
    assert answer["source"] == "hyperparameters.json: learning-rate"
    assert {"argument: --learning-rate 1e-3", "decoded: 0.001"} <= set(answer["also"])


@pytest.mark.parametrize("name", ["user_entry_point", "SAGEMAKER_PROGRAM", "sagemaker_program", "SM_USER_ENTRY_POINT"])
def test_a_setting_and_the_places_that_it_may_come_from(digits: JobFolder, name: str) -> None:
    answer = why(digits, name, SAGEMAKER_PROGRAM="other.py")
    assert answer["value"] == "other.py"
    assert answer["source"] == "variable SAGEMAKER_PROGRAM"
    assert answer["considered"] == [
        {"place": "variable SAGEMAKER_PROGRAM", "found": "other.py"},
        {"place": "hyperparameters.json: sagemaker_program", "found": "train.py"},
        {"place": "default", "found": "not needed"},
    ]


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("SMC_STOP_GRACE", "5", "variable SMC_STOP_GRACE"),
        ("SMC_ARGS", "classic", "default"),
        ("MINE", "1", "variable that this process was given"),
        ("model_dir", "BASE/model", "base directory, by variable SAGEMAKER_BASE_DIR"),
        ("num_cpus", None, "this machine"),
        ("hosts", None, "default: no resourceconfig.json"),
        ("SM_CHANNEL_TRAINING", "BASE/input/data/training", "inputdataconfig.json: training"),
        ("SM_TRAINING_ENV", None, "the Environment"),
    ],
)
def test_everything_else(digits: JobFolder, name: str, value: str | None, source: str) -> None:
    answer = why(digits, name, SMC_STOP_GRACE="5", MINE="1")
    assert answer["source"] == source
    assert value is None or answer["value"] == value.replace("BASE", str(digits.base))


@pytest.mark.parametrize("name", list(CORE))
def test_no_setting_is_unknown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    answer = json.loads(explain(name, as_json=True))
    assert answer["source"] or answer["considered"]


def test_a_setting_says_what_it_sets_and_its_default(digits: JobFolder) -> None:
    answer = why(digits, "SMC_HOST_TIMEOUT", SMC_HOST_TIMEOUT="7")
    assert (answer["value"], answer["source"]) == ("7", "variable SMC_HOST_TIMEOUT")
    assert answer["what"].startswith("seconds without a heartbeat")
    assert answer["considered"][-1] == {"place": "default", "found": "30"}


def test_what_a_terminal_shows_is_no_markdown(digits: JobFolder) -> None:
    assert smc(digits, "why", "SMC_MODE").stdout.splitlines()[0] == "SMC_MODE = what the file looks like"
    assert "`" not in smc(digits, "why", "SMC_REQUIREMENTS").stdout


def test_a_secret_that_nobody_has_set_is_not_masked(digits: JobFolder) -> None:
    assert why(digits, "SMC_HOST_SECRET")["value"].startswith("hyperparameters, ")
    assert why(digits, "SMC_HOST_SECRET", SMC_HOST_SECRET="hunter2-and-more")["value"] == "****"


def test_a_hyperparameter_of_the_platform(tmp_path: Path) -> None:
    job = JobFolder(tmp_path).hyperparameters(sagemaker_mpi_enabled=True, sagemaker_mpi_num_of_processes_per_host=3)
    asked = why(job, "sagemaker_mpi_enabled")
    assert (asked["value"], asked["source"]) == ("true", "hyperparameters.json: sagemaker_mpi_enabled")
    processes = why(job, "sagemaker_mpi_num_of_processes_per_host")
    assert (processes["name"], processes["value"]) == ("SMC_PROCESSES_PER_HOST", "3")


def test_secrets_are_masked(digits: JobFolder) -> None:
    for name in ("api_key", "SM_HP_API_KEY", "SM_HPS"):
        assert "hunter2-and-more" not in smc(digits, "why", name).stdout


def test_an_unknown_name(digits: JobFolder) -> None:
    ended = smc(digits, "why", "SM_NUM_GPU")
    assert ended.returncode == 2
    assert "did you mean SM_NUM_GPUS" in ended.stderr


def test_of_a_local_job(desk) -> None:
    desk.write("train.py")
    desk.run("train.py", "-p", "epochs=5", "--name", "one")
    for arguments in (["--epochs", "--job", "one"], ["--job", "one", "--epochs"], ["epochs", "--job=one"]):
        text = desk.smc("why", *arguments).stdout
        assert text.startswith("epochs = 5\n  from        hyperparameters.json: epochs\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "smc why needs a NAME"),
        (["epochs", "--jobs"], "unrecognized arguments: --jobs"),
        (["--job"], "--job: expected"),
    ],
)
def test_a_wrong_command_line(digits: JobFolder, arguments: list[str], message: str) -> None:
    ended = smc(digits, "why", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_the_folder_of_a_channel_by_the_name_of_its_parameter(digits: JobFolder) -> None:
    digits.channel("my-val.v1")
    answer = why(digits, "my_val_v1_dir")
    assert (answer["value"], answer["source"]) == (
        str(digits.base / "input/data/my-val.v1"),
        "inputdataconfig.json: my-val.v1",
    )
    assert "SM_CHANNEL_MY_VAL_V1" in answer["also"]
    assert "training_dir = " in smc(digits, "why", "training_dir").stdout
    ended = smc(digits, "why", "train_dir")
    assert ended.returncode == 2
    assert "did you mean training_dir" in ended.stderr
    assert "(channels: my-val.v1, training; -c train=... adds one)" in ended.stderr
