"""The command line besides ``smc run``."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.testing import JobFolder


def smc(job: JobFolder, *arguments: str, program: str | None = None, **variables: str) -> str:
    command = [sys.executable, "-m", "smc_core", *arguments]
    environ = job.environ(program, **variables)
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def digits(job: JobFolder) -> JobFolder:
    job.channel("training")
    job.raw_hyperparameters({"epochs": "5", "api_key": "hunter2-and-more", "sagemaker_program": "train.py"})
    return job.code(train_py="raise SystemExit('must not run')\ndef train(): ...\n")


def test_plan_tells_what_would_run_and_runs_nothing(digits: JobFolder) -> None:
    content = json.loads(smc(digits, "plan", "--json"))
    assert content["mode"] == "function"
    assert content["reason"] == "it defines train()"
    assert content["cwd"] == str(digits.base / "code")
    assert content["settings"]["user_entry_point"] == {
        "value": "train.py",
        "source": "hyperparameters.json: sagemaker_program",
    }
    assert content["variables"]["SM_HP_EPOCHS"] == {"value": "5", "source": "hyperparameters.json: epochs"}
    assert content["variables"]["SM_CHANNEL_TRAINING"]["source"] == "inputdataconfig.json: training"
    assert content["settings"]["hosts"]["source"] == "default: no resourceconfig.json"
    assert not (digits.base / "output/success").exists()
    assert not (digits.base / "output/failure").exists()


def test_plan_for_people(digits: JobFolder) -> None:
    text = smc(digits, "plan", SMC_MODE="script", SAGEMAKER_PROGRAM="train.py")
    assert "mode             script  (SMC_MODE=script)" in text
    assert "entry point      train.py  (variable SAGEMAKER_PROGRAM)" in text
    assert "  SM_HP_EPOCHS=5  (hyperparameters.json: epochs)" in text


def test_plan_looks_into_a_submitted_folder_without_copying_it(job: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.py").write_text("print(1)")
    content = json.loads(
        smc(job, "plan", "--json", program="train.py", SAGEMAKER_SUBMIT_DIRECTORY=str(tmp_path / "mine"))
    )
    assert content["mode"] == "script"
    assert os.listdir(job.base / "code") == []


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--json"), ("env",)])
def test_secrets_are_masked(digits: JobFolder, arguments: tuple[str, ...]) -> None:
    assert "hunter2-and-more" not in smc(digits, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [("plan",), ("plan", "--json"), ("env",), ("why", "module_dir"), ("why", "TRACKER"), ("why", "PGPASSWORD")],
)
def test_urls_lose_their_secrets_and_secrets_are_known_by_their_names(
    digits: JobFolder, arguments: tuple[str, ...]
) -> None:
    url = "https://tokentoken@host/code.tar.gz?X-Amz-Signature=signature1"
    hyperparameters = {
        "sagemaker_submit_directory": url,
        "database_url": "postgresql://me@host/db",
        "sagemaker_program": "t.py",
    }
    digits.raw_hyperparameters(
        {**hyperparameters, "tracker": '{"url": "https://host/?sig=signature2", "db_pass": "word-word"}'}
    )
    command = [sys.executable, "-m", "smc_core", *arguments]
    environ = digits.environ(None, PGPASSWORD="word-of-pg", TRACKER="https://me:word-in-url@host/?signature3")
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    assert "****" in said
    hidden = (
        "tokentoken",
        "signature1",
        "signature2",
        "signature3",
        "me@host",
        "word-word",
        "word-of-pg",
        "word-in-url",
    )
    assert [secret for secret in hidden if secret in said] == []
    if "--json" in arguments or arguments == ("env",):
        assert not ended.stdout or json.loads(ended.stdout)


def test_env_is_the_environment_as_json(digits: JobFolder) -> None:
    content = json.loads(smc(digits, "env"))
    assert content["hps"]["epochs"] == 5
    assert content["channel_dirs"] == {"training": str(digits.base / "input/data/training")}


def test_a_reader_that_has_enough_is_no_error(digits: JobFolder) -> None:
    command = f"{sys.executable} -m smc_core plan | head -n 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], env=digits.environ(), capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 141)  # what fits into the pipe is written whole before the reader goes
    assert ended.stderr == ""


def test_plugins_without_any(job: JobFolder) -> None:
    assert "create_environment: builtin" in smc(job, "plugins")


@pytest.mark.parametrize("arguments", [(), ("run",), ("plan",), ("env",), ("plugins",)])
def test_help_tells_what_each_command_does(job: JobFolder, arguments: tuple[str, ...]) -> None:
    assert "usage: smc" in smc(job, *arguments, "--help")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("plam", "did you mean plan?"), ("train.py", "smc run train.py"), ("xyzzy", "see smc --help")],
)
def test_a_word_that_is_no_command(job: JobFolder, word: str, hint: str) -> None:
    command = [sys.executable, "-m", "smc_core", word]
    ended = subprocess.run(command, env=job.environ(), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"smc: error: '{word}' is not a command")
    assert hint in ended.stderr


def test_the_main_help_needs_no_manual(job: JobFolder) -> None:
    text = smc(job, "--help")
    for word in ("run", "plan", "env", "plugins", "SAGEMAKER_PROGRAM", "SMC_STOP_GRACE", "exit codes", "128+n"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", [["smc", "run"], ["smc", "run", "train"], ["train"]])
def test_the_three_ways_to_start_a_job_are_one(job: JobFolder, command: list[str]) -> None:
    job.code(train_py="print('ran')")
    program = shutil.which(command[0], path=os.path.dirname(sys.executable))
    assert program is not None, f"{command[0]} is not installed beside {sys.executable}"
    environ = job.environ("train.py")
    ended = subprocess.run([program, *command[1:]], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout == "ran\n"
    assert (job.base / "output/success").exists()


def test_the_runner_tells_its_usage(job: JobFolder) -> None:
    command = [sys.executable, "-m", "smc_core.runner"]
    ended = subprocess.run(command, env=job.environ(), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "usage: python -m smc_core.runner TARGET" in ended.stderr


def test_importing_the_package_reads_and_creates_nothing(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.environ = None; import smc_core; print(len([m for m in sys.modules if 'smc_core' in m]))"
    )
    environ = {"SAGEMAKER_BASE_DIR": str(tmp_path / "absent"), "PATH": os.environ["PATH"]}
    output = subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True)
    assert output.stdout == "1\n"
    assert not (tmp_path / "absent").exists()
