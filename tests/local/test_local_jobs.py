"""``smc run train.py -c … -p …``: a job folder laid out as /opt/ml, and the same supervised run in it."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

PRINT_ALL = """
import json, os, sys
found = {"argv": sys.argv, "cwd": os.getcwd(), "environ": dict(os.environ), "file": __file__}
print(json.dumps(found))
"""


def test_a_script_finds_what_it_would_find_in_a_container(desk) -> None:
    desk.write("data/points.csv", "1,2")
    desk.write("src/train.py", PRINT_ALL)
    arguments = ["-c", "training=./data", "-p", "epochs=5", "-p", "lr=0.10", "-p", 'name="x y"', "-e", "A_B=c=d"]
    found = json.loads(desk.run("src/train.py", *arguments).stdout)
    job = desk.job()
    environ = found["environ"]
    assert found["argv"] == ["train.py", "--epochs", "5", "--lr", "0.10", "--name", "x y"]
    assert found["cwd"] == str(desk.folder / "src")
    assert environ["SM_MODEL_DIR"] == str(job / "model")
    assert environ["SM_CHANNEL_TRAINING"] == str(job / "input/data/training")
    assert Path(environ["SM_CHANNEL_TRAINING"], "points.csv").read_text() == "1,2"
    assert (environ["SM_HOSTS"], environ["SM_CURRENT_HOST"]) == ('["algo-1"]', "algo-1")
    assert environ["SM_HP_LR"] == "0.10"
    assert environ["A_B"] == "c=d"
    assert environ["TRAINING_JOB_NAME"] == job.name
    assert json.loads(environ["SM_TRAINING_ENV"])["input_data_config"]["training"]["TrainingInputMode"] == "File"
    assert json.loads((job / "input/config/hyperparameters.json").read_text())["epochs"] == "5"


def test_channels_are_linked_and_not_copied(desk) -> None:
    desk.write("data/points.csv")
    desk.write("single.csv", "3")
    desk.write("train.py")
    desk.run("train.py", "-c", "training=data", "-c", "one=single.csv")
    data = desk.job() / "input/data"
    assert os.readlink(data / "training") == str(desk.folder / "data")
    assert (data / "one/single.csv").read_text() == "3"


def test_it_ends_with_where_everything_is(desk) -> None:
    desk.write("train.py", "import os\nopen(os.environ['SM_MODEL_DIR'] + '/weights', 'w').write('12345')\n")
    ended = desk.run("train.py", "--name", "one")
    assert "smc: job one: completed after " in ended.stderr
    assert "model       .smc/jobs/one/model  (1 file, 5 B)" in ended.stderr
    assert "output      .smc/jobs/one/output/data  (empty)" in ended.stderr
    assert "failure" not in ended.stderr
    assert (desk.job() / "output/success").exists()


def test_a_failure_is_told_as_in_a_container(desk) -> None:
    desk.write("train.py", "raise ValueError('no good')\n")
    ended = desk.smc("run", "train.py", "--name", "bad")
    assert ended.exit_code == 1
    assert "smc: job bad: failed with exit code 1 after " in ended.stderr
    assert "failure     .smc/jobs/bad/output/failure" in ended.stderr
    failure = (desk.job() / "output/failure").read_text()
    assert failure.startswith("ValueError: no good")
    assert "train.py:1" in failure


def test_a_function_is_called_with_what_it_asks_for(desk) -> None:
    desk.write("data/a")
    desk.write("train.py", "def train(training_dir, epochs: int):\n    print(training_dir, epochs + 1)\n")
    ended = desk.run("train.py", "-c", "training=data", "-p", "epochs=5")
    assert ended.stdout == f"{desk.job()}/input/data/training 6\n"


def test_mode_is_taken_from_the_command_line(desk) -> None:
    desk.write("train.py", "print('imported', __name__)\ndef train(): print('called')\n")
    assert desk.run("train.py").stdout == "imported train\ncalled\n"
    assert desk.run("train.py", "--mode", "script").stdout == "imported __main__\n"


def test_hyperparameters_from_a_file(desk) -> None:
    desk.write("params.json", '{"epochs": 5, "lr": 1.10, "name": "x", "layers": [1, 2], "deep": true}')
    desk.write("train.py")
    desk.run("train.py", "-p", "epochs=1", "-p", "@params.json", "-p", "name=y")
    texts = json.loads((desk.job() / "input/config/hyperparameters.json").read_text())
    assert texts == {"epochs": "5", "lr": "1.10", "name": "y", "layers": "[1,2]", "deep": "true"}


@pytest.mark.parametrize(
    ("arguments", "program"),
    [
        (["./project"], "train.py"),
        (["./project/run.sh"], "run.sh"),
        (["-m", "project.pkg.deep"], "deep.py"),
        (["./project", "-m", "pkg.deep"], "deep.py"),
        (["project.tar.gz"], "train.py"),
        (["project.tar.gz", "-m", "pkg.deep"], "deep.py"),
        (["./project", "-e", "SAGEMAKER_PROGRAM=pkg/deep.py"], "deep.py"),
    ],
)
def test_targets(desk, arguments: list[str], program: str) -> None:
    desk.write("project/train.py", "print('train.py')")
    desk.write("project/run.sh", "echo run.sh")
    desk.write("project/pkg/__init__.py")
    desk.write("project/pkg/deep.py", "print('deep.py')")
    with tarfile.open(desk.folder / "project.tar.gz", "w:gz") as archive:
        archive.add(desk.folder / "project", ".")
    assert desk.run(*arguments).stdout.strip() == program


def test_code_is_used_where_it_is_and_nothing_of_it_is_touched(desk) -> None:
    desk.write("train.py", PRINT_ALL)
    desk.write("requirements.txt", "a-package-that-nobody-has-installed\n")
    desk.write("pyproject.toml", "[build-system]\nrequires = ['none-such']\n")
    desk.write("elsewhere/train.py", "print('wrong')")
    before = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    found = json.loads(desk.run("train.py", "-p", f"sagemaker_submit_directory={desk.folder}/elsewhere").stdout)
    assert found["file"] == str(desk.folder / "train.py")
    assert found["environ"]["SM_SOURCE_DIR"] == str(desk.folder)
    after = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file() and ".smc" not in path.parts}
    assert after == before


def test_requirements_are_installed_where_that_is_asked_for(desk) -> None:
    desk.write("train.py", "print('ran')")
    desk.write("requirements.txt", "pytest>=1\n")
    assert "requirements.txt" not in desk.run("train.py", "--no-requirements").stderr
    assert "smc: requirements.txt: 1 satisfied" in desk.run("train.py", "--requirements").stderr


def test_generated_names_never_clash(desk) -> None:
    desk.write("my_train.py", "print('ran')")
    running = [desk.start("run", "my_train.py") for _ in range(4)]
    assert [each.wait().stdout for each in running] == ["ran\n"] * 4
    names = [job["name"] for job in desk.jobs()]
    assert len(set(names)) == 4
    assert all(name.startswith("my-train-") for name in names)


def test_a_job_folder_elsewhere_is_known_here(desk, tmp_path: Path) -> None:
    desk.write("train.py", "print('ran')")
    desk.run("train.py", "--job-dir", str(tmp_path / "there"), "--name", "far")
    assert (tmp_path / "there/output/success").exists()
    assert [job["name"] for job in desk.jobs()] == ["far"]
    assert "smc: script mode" in desk.smc("logs", "far").stdout
    assert "smc: script mode" in desk.smc("logs", str(tmp_path / "there")).stdout


REFUSED = {
    "nothing to run": (["-p", "a=1"], 2, "nothing to run"),
    "no such file": (["tarin.py"], 4, "did you mean train.py?"),
    "no entry point": (["./data"], 4, "contains none of train.py"),
    "no value": (["train.py", "-p", "epochs"], 2, "expected NAME=VALUE"),
    "no such data": (["train.py", "-c", "training=./absent"], 2, "there is no"),
    "no data": (["train.py", "-c", "training="], 2, "the path of the channel is empty"),
    "channel twice": (["train.py", "-c", "a=./data", "-c", "a=./train.py"], 2, "the channel a is given twice"),
    "channel in the cloud": (["train.py", "-c", "training=s3://a/b"], 2, "folder or file on this machine"),
    "bad channel": (["train.py", "-c", "a b=./data"], 2, "a channel name has"),
    "no such parameters": (["train.py", "-p", "@absent.json"], 2, "there is no file"),
    "malformed parameters": (["train.py", "-p", "@train.py"], 2, "not valid JSON"),
    "bad variable": (["train.py", "-e", "A-B=1"], 2, "is not the name of a variable"),
    "variable of smc": (["train.py", "-e", "SAGEMAKER_SUBMIT_DIRECTORY=/x"], 2, "smc sets SAGEMAKER_SUBMIT_"),
    "bad name": (["train.py", "--name", "a_b"], 2, "letters, digits and dashes"),
    "folder in use": (["train.py", "--job-dir", "./data"], 2, "the folder is not empty"),
    "no file of code": (["/dev/null"], 4, "/dev/null is neither a file nor a folder"),
    "unknown word": (["trian"], 4, "there is no"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_begin_is_refused_in_one_line_and_leaves_no_job(desk, name: str) -> None:
    arguments, code, message = REFUSED[name]
    desk.write("train.py", "print('must not run')")
    desk.write("data/a")
    ended = desk.smc("run", *arguments)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert desk.jobs() == []


def test_a_name_is_taken_once(desk) -> None:
    desk.write("train.py")
    desk.run("train.py", "--name", "one")
    ended = desk.smc("run", "train.py", "--name", "one")
    assert ended.exit_code == 2
    assert "a job of that name already exists" in ended.stderr


def test_the_job_of_a_container_stays_what_it_was(desk, tmp_path: Path) -> None:
    desk.write("base/code/train.py", "print('of the container')")
    desk.write("train.py", "print('of the desk')")
    desk.environ["SAGEMAKER_BASE_DIR"] = str(desk.folder / "base")
    assert desk.run(str(desk.folder / "train.py")).stdout == "of the desk\n"
    desk.environ["SAGEMAKER_PROGRAM"] = "train.py"
    assert desk.run().stdout == "of the container\n"
    assert desk.run("train").stdout == "of the container\n"
    assert not (desk.folder / ".smc").exists()
    assert desk.run("train.py", "-p", "a=1").stdout == "of the desk\n"
    assert (desk.job() / "output/success").exists()


def test_plan_says_what_a_local_job_would_run_and_leaves_nothing(desk) -> None:
    desk.write("train.py", "print('must not run')")
    desk.write("data/a", "kept")
    ended = desk.smc("plan", "train.py", "-c", "training=data", "-p", "epochs=5", "--name", "one")
    assert "  SM_HP_EPOCHS=5  (hyperparameters.json: epochs)" in ended.stdout
    assert f"  SM_MODEL_DIR={desk.folder}/.smc/jobs/one/model  (base directory)" in ended.stdout
    assert desk.jobs() == []
    assert (desk.folder / "data/a").read_text() == "kept"


def test_plan_leaves_a_folder_that_was_there_as_empty_as_it_was(desk) -> None:
    desk.write("train.py")
    there = desk.folder / "real"
    there.mkdir(mode=0o750)
    before = there.stat()
    (desk.folder / "link").symlink_to("real")
    for job_dir in ("real", "link"):
        ended = desk.smc("plan", "train.py", "--job-dir", job_dir)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert list(there.iterdir()) == []
        assert (there.stat().st_ino, there.stat().st_mode) == (before.st_ino, before.st_mode)
        assert list((desk.folder / ".smc/jobs").iterdir()) == []
    assert (desk.folder / "link").is_symlink()


def test_plan_in_the_working_directory_leaves_it_there(desk) -> None:
    train = desk.write("train.py")
    desk.folder = desk.folder / "here"
    desk.folder.mkdir()
    before = desk.folder.stat().st_ino
    assert desk.smc("plan", str(train), "--job-dir", ".").exit_code == 0
    assert desk.folder.stat().st_ino == before
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_job_folder_that_can_be_made_by_half_only_is_removed_again(desk, command: str) -> None:
    desk.write("train.py")
    too_deep = desk.folder  # for the kernel, which takes no path of 4096 bytes
    while len(str(too_deep)) < 4070:
        too_deep /= "d" * min(200, 4080 - len(str(too_deep)))
    ended = desk.smc(command, "train.py", "--name", "one", "--job-dir", str(too_deep))
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "the folder of the job cannot be created: File name too long: " in ended.stderr
    assert list((desk.folder / ".smc/jobs").iterdir()) == []
    assert not too_deep.exists()


def test_secrets_are_readable_for_the_owner_only(desk) -> None:
    desk.write("train.py")
    desk.run("train.py", "-p", "api_key=hunter2")
    for name in ("input/config/hyperparameters.json", "job.json", "log.txt"):
        assert (desk.job() / name).stat().st_mode & 0o077 == 0


def test_requirements_that_are_not_installed_are_said_at_the_start_and_in_the_hint(desk) -> None:
    desk.write("requirements.txt", "pytest\nno-such-cows>=6\n")
    desk.write("train.py", "import no_such_cows\n")
    ended = desk.smc("run", "train.py")
    assert ended.exit_code == 1
    line = (
        "smc: requirements.txt asks for no-such-cows>=6, which this environment does not have; --venv or --requirements"
    )
    assert line in ended.stderr
    failure = (desk.job() / "output/failure").read_text()
    assert (
        "Nothing is installed for this job. If no_such_cows is a package, no_such_cows in requirements.txt" in failure
    )
    desk.write("requirements.txt", "pytest\n")
    desk.write("train.py", "import sagemaker_training.environment\n")
    ended = desk.smc("run", "train.py", "--name", "second")
    assert "asks for" not in ended.stderr
    failure = (desk.job("second") / "output/failure").read_text()
    assert "smc takes the place of sagemaker_training: import smc_core as smc; smc.Environment.create()" in failure
