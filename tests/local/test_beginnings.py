"""How a local job begins and is interrupted: what counts as one, signals at any moment, streams that are closed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from smc_core.testing import wait_until

SAVES = """
import signal, sys, time
from smc_core.testing import wait_until
def save(*_):
    time.sleep(1)
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True: time.sleep(0.05)
"""
SLEEPS = "import time\ntime.sleep(100)\n"


def test_a_signal_to_the_whole_process_group_is_one_request(desk) -> None:
    desk.write("train.py", SAVES)
    running = desk.start("run", "train.py", start_new_session=True)
    assert running.read_line() == "ready"
    os.killpg(running.pid, signal.SIGTERM)
    ended = running.wait()
    assert (ended.exit_code, ended.stdout) == (0, "ready\nsaved\n"), ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.3])
def test_an_end_while_the_hosts_are_started_leaves_none_behind(desk, seconds: float, number: int) -> None:
    desk.write("train.py", SLEEPS)
    running = desk.start("run", "train.py", "--hosts", "3")
    time.sleep(seconds)
    running.send(number)
    assert running.wait().exit_code != 0
    wait_until(lambda: not desk.processes())


def test_a_stop_at_once_is_told(desk) -> None:
    desk.write("train.py", SLEEPS)
    assert desk.smc("run", "train.py", "--stop-after", "0").exit_code == 143
    assert (desk.job() / "output/failure").read_text().startswith("Stopped by SIGTERM")


def test_a_time_of_weeks_to_stop_after(desk) -> None:
    desk.write("train.py", "print('trained')\n")
    assert desk.run("train.py", "--stop-after", "6000h").stdout == "trained\n"


def test_a_wrong_option_of_a_local_job_leaves_the_containers_job_alone(desk, tmp_path: Path) -> None:
    output = tmp_path / "ml/output"
    output.mkdir(parents=True)
    (output / "success").touch()
    desk.environ["SAGEMAKER_BASE_DIR"] = str(tmp_path / "ml")
    desk.write("train.py", SLEEPS)
    assert desk.smc("run", "train.py", "--hosts", "two").exit_code == 2
    assert [path.name for path in output.iterdir()] == ["success"]
    assert desk.smc("run", "--unheard-of").exit_code == 2
    assert [path.name for path in output.iterdir()] == ["failure"]


@pytest.mark.parametrize("option", [["--no-requirements"], ["--hosts", "0"]])
def test_an_option_with_a_value_that_is_false_is_an_option_all_the_same(desk, tmp_path: Path, option) -> None:
    code = tmp_path / "ml/code"
    code.mkdir(parents=True)
    (code / "train.py").write_text("print('the job of the container')\n")
    desk.environ |= {"SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "SAGEMAKER_PROGRAM": "train.py"}
    ended = desk.smc("run", *option)
    assert ended.stdout == ""
    assert ended.exit_code == 2


def test_the_variable_that_chooses_the_mode_is_heeded(desk) -> None:
    desk.write("train.py", "def train(): print('called')\nif __name__ == '__main__': print('run')\n")
    desk.environ["SMC_MODE"] = "script"
    assert desk.run("train.py").stdout == "run\n"
    assert desk.run("train.py", "--mode", "function").stdout == "called\n"


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_is_closed_changes_nothing_else(desk, closed: str) -> None:
    desk.write("train.py", "print('trained')\n")
    command = [desk.python, "-m", "smc_core", "run", "train.py"]
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *command]
    ended = subprocess.run(shell, cwd=desk.folder, env=desk.environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert desk.jobs()[0]["status"] == "completed"
    assert (desk.job() / "log.txt").read_text().count("trained") == 1


@pytest.mark.parametrize("base", ["/nowhere", "job"])
@pytest.mark.parametrize(
    "arguments", [["jobs"], ["logs", "one"], ["plan", "train.py"], ["run", "train.py"], ["doctor"]]
)
def test_a_working_directory_that_was_removed_is_an_error_in_one_line(desk, arguments: list[str], base: str) -> None:
    (desk.folder / "gone").mkdir()
    shell = ["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", desk.python, "-m", "smc_core", *arguments]
    environ = {**desk.environ, **({"SAGEMAKER_BASE_DIR": base} if base == "job" else {})}
    ended = subprocess.run(shell, cwd=desk.folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.stderr == "smc: error: the working directory no longer exists: change to one that does\n"
    assert (ended.returncode, ended.stdout) == (2, "")


def test_two_entry_points_are_refused(desk) -> None:
    desk.write("a.py")
    desk.write("pkg/train.py", "print('trained')\n")
    ended = desk.smc("run", "a.py", "-m", "pkg.train")
    assert ended.exit_code == 2
    assert "'a.py' and -m pkg.train both name an entry point" in ended.stderr
    assert desk.run(".", "-m", "pkg.train").stdout == "trained\n"


def test_a_hyperparameter_that_is_given_as_an_option_is_told_how(desk) -> None:
    desk.write("train.py")
    ended = desk.smc("run", "train.py", "--epochs", "5")
    assert ended.exit_code == 2
    assert "unrecognized arguments: --epochs 5; to set a hyperparameter: smc run TARGET -p NAME=VALUE" in ended.stderr
