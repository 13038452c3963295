"""Local jobs and containers' jobs whose channels and hyperparameters are set by variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import JobFolder

PRINT = """
import json, os, sys
print(json.dumps([sys.argv[1:], sorted(os.listdir(os.environ["SM_CHANNEL_TRAINING"]))]))
"""


def printed(text: str) -> Any:
    return json.loads(text.splitlines()[-1])


def variables(desk: Any, *arguments: str) -> Any:
    planned = desk.smc("plan", *arguments, "--json")
    assert planned.exit_code == 0, planned.stderr
    return json.loads(planned.stdout)["variables"]


def test_a_local_job_takes_variables_and_its_options_win(desk) -> None:
    desk.write("train.py", PRINT)
    desk.write("data/a")
    desk.write("other/b")
    desk.environ |= {"SMC_HP_EPOCHS": "5", "SMC_HP_learningRate": "0.1", "SMC_CHANNEL_TRAINING": "data"}
    assert printed(desk.run("train.py", "--name", "one").stdout) == [["--epochs", "5", "--learningRate", "0.1"], ["a"]]
    ended = desk.run("train.py", "-p", "epochs=7", "-c", "training=other")
    assert printed(ended.stdout) == [["--epochs", "7", "--learningRate", "0.1"], ["b"]]
    del desk.environ["SMC_HP_EPOCHS"], desk.environ["SMC_CHANNEL_TRAINING"]
    again = desk.run("--resume", "one")
    assert printed(again.stdout) == [["--epochs", "5", "--learningRate", "0.1"], ["a"]]


def test_what_an_earlier_job_was_given_wins_over_the_variables_of_now(desk) -> None:
    desk.write("train.py", PRINT)
    desk.write("data/a")
    desk.run("train.py", "-p", "epochs=7", "-c", "training=data", "--name", "one")
    desk.environ |= {"SMC_HP_EPOCHS": "5", "SMC_HP_SEED": "1"}
    assert printed(desk.run("--resume", "one").stdout)[0] == ["--epochs", "7", "--seed", "1"]


def test_e_sets_such_a_variable_too(desk) -> None:
    desk.write("train.py", PRINT)
    desk.write("data/a")
    ended = desk.run("train.py", "-e", "SMC_HP_EPOCHS=5", "-e", "SMC_CHANNEL_TRAINING=data", "-p", "lr=1")
    assert printed(ended.stdout) == [["--epochs", "5", "--lr", "1"], ["a"]]


def test_the_plan_says_which_variable_set_what(desk) -> None:
    desk.write("train.py")
    desk.write("data/a")
    desk.environ |= {"SMC_HP_EPOCHS": "5", "SMC_HP_LR": "0.1", "SMC_CHANNEL_TRAINING": "data"}
    plan = variables(desk, "train.py", "-p", "lr=1", "--name", "one")
    assert plan["SM_HP_EPOCHS"] == {"value": "5", "source": "variable SMC_HP_EPOCHS"}
    assert plan["SM_HP_LR"] == {"value": "1", "source": "hyperparameters.json: lr"}
    assert plan["SM_CHANNEL_TRAINING"]["source"] == "variable SMC_CHANNEL_TRAINING"
    assert plan["SM_CHANNEL_TRAINING"]["value"].endswith("/one/input/data/training")


@pytest.mark.parametrize(
    ("name", "text"),
    [("SMC_HP_", "1"), ("SMC_CHANNEL_TRAINING", "/nowhere/at/all"), ("SMC_CHANNEL_A/B", "."), ("SMC_HP_epochs", "4")],
)
def test_a_malformed_variable_is_named_before_there_is_a_job(desk, name: str, text: str) -> None:
    desk.write("train.py")
    desk.environ |= {"SMC_HP_EPOCHS": "5", name: text}
    ended = desk.smc("run", "train.py")
    assert ended.exit_code == 2
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr
    assert desk.jobs() == []


def test_a_secret_in_such_a_variable_is_in_no_record(desk) -> None:
    desk.write("train.py")
    desk.environ["SMC_HP_API_TOKEN"] = "hunter2-and-more"
    desk.run("train.py", "--name", "one")
    assert "hunter2" not in (desk.job() / "job.json").read_text()
    assert "hunter2" not in desk.smc("plan", "train.py").stdout


def test_a_job_of_a_container_takes_variables_with_relative_paths(job: JobFolder, tmp_path: Path) -> None:
    job.code(train_py=PRINT).hyperparameters(epochs=3, lr=0.1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").touch()
    ended = job.run("train.py", SMC_HP_EPOCHS="5", SMC_CHANNEL_TRAINING=str(tmp_path / "data"))
    assert ended.exit_code == 0, ended.stderr
    assert printed(ended.stdout) == [["--epochs", "5", "--lr", "0.1"], ["a"]]


def test_a_function_gets_them_as_arguments(job: JobFolder, tmp_path: Path) -> None:
    code = "def train(training_dir, epochs: int):\n    print(training_dir, epochs + 1)\n"
    job.code(train_py=code)
    ended = job.run("train.py", SMC_HP_EPOCHS="5", SMC_CHANNEL_TRAINING=str(tmp_path))
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == f"{tmp_path} 6\n"


@pytest.mark.parametrize("name", ["SMC_HP_", "SMC_CHANNEL_X", "SMC_HP_A"])
def test_a_job_of_a_container_names_a_malformed_variable(job: JobFolder, name: str) -> None:
    job.code(train_py="")
    ended = job.run("train.py", SMC_HP_a="1", **{name: "/nowhere/at/all"})
    assert ended.exit_code == 2
    assert ended.first_line.startswith("ConfigurationError: variable")
    assert name in ended.first_line


def test_why_says_what_else_was_there(desk, job: JobFolder) -> None:
    job.hyperparameters(epochs=3, sagemaker_program="train.py")
    job.channel("training")
    desk.environ |= {"SAGEMAKER_BASE_DIR": str(job.base), "SMC_HP_EPOCHS": "5", "SMC_CHANNEL_TRAINING": str(job.base)}
    for name in ("epochs", "SM_HP_EPOCHS", "SMC_HP_EPOCHS"):
        answer = json.loads(desk.smc("why", name, "--json").stdout)
        assert (answer["value"], answer["source"]) == ("5", "variable SMC_HP_EPOCHS")
        assert answer["considered"][1] == {"place": "hyperparameters.json: epochs", "found": "3"}
    for name in ("training_dir", "SMC_CHANNEL_TRAINING", "SM_CHANNEL_TRAINING"):
        answer = json.loads(desk.smc("why", name, "--json").stdout)
        assert (answer["value"], answer["source"]) == (str(job.base), "variable SMC_CHANNEL_TRAINING")
    desk.environ["SMC_HP_SAGEMAKER_PROGRAM"] = "fit.py"
    answer = json.loads(desk.smc("why", "SMC_HP_SAGEMAKER_PROGRAM", "--json").stdout)
    assert (answer["name"], answer["value"]) == ("user_entry_point", "fit.py")
