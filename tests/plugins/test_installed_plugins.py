"""Plugins that are really installed: discovered, ordered, refused, and at work in a job."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import JobFolder

Install = Callable[..., Mapping[str, str]]

TRAIN = "def train(epochs: int):\n    return 'm' * epochs\n"


def smc(job: JobFolder, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smc_core", *arguments]
    return subprocess.run(command, env=job.environ(**variables), capture_output=True, text=True, check=False)


def test_a_wrapper_of_train_and_an_answer_to_save_model(job: JobFolder, install: Install) -> None:
    job.code(train_py=TRAIN).hyperparameters(epochs=3)
    ended = job.run("train.py", **install("timing", "textmodel"))
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    assert ended.stdout == "timing: before\ntiming: after mmm\n"
    assert (job.base / "model/model.txt").read_text() == "mmm"
    assert "plugins: textmodel 1.2.3, timing 1.2.3" in ended.stderr


def test_an_extended_environment_reaches_the_users_function(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train(world_size: int, environment):\n    print(world_size, type(environment).__name__)\n")
    job.hosts("algo-1")
    ended = job.run("train.py", **install("world"))
    assert (ended.exit_code, ended.stdout) == (0, "7 WorldEnvironment\n")


def test_a_plugins_fields_need_no_validator_where_they_are_of_their_type(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train(world_size: int, environment, epochs: int): ...\n").hyperparameters(epochs=5)
    ended = job.run("train.py", PYTHONPROFILEIMPORTTIME="1", **install("world"))
    assert ended.exit_code == 0, ended.stderr
    assert "plugins: world 1.2.3" in ended.stderr
    assert "pydantic" not in ended.stderr


def test_the_users_own_save_goes_before_a_plugin(job: JobFolder, install: Install) -> None:
    job.code(train_py=TRAIN + "def save(model, model_dir):\n    open(model_dir + '/mine', 'w').write(model)\n")
    job.hyperparameters(epochs=1)
    ended = job.run("train.py", **install("textmodel"))
    assert ended.exit_code == 0, ended.stderr
    assert [path.name for path in (job.base / "model").iterdir()] == ["mine"]


def test_a_model_that_nobody_can_save_says_who_was_asked(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train():\n    return object()\n")
    ended = job.run("train.py", **install("textmodel"))
    assert ended.exit_code == 3
    assert ended.failure is not None
    assert "train() returned an object, which no plugin can save; kept: " in ended.failure
    assert "define save(model, model_dir) in train" in ended.failure
    assert "(asked: user, textmodel, builtin)" in ended.failure


def test_a_disabled_plugin_is_not_even_imported(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train():\n    print('m')\n").hyperparameters(epochs=1)
    ended = job.run("train.py", SMC_DISABLE_PLUGINS="broken", **install("broken"))
    assert (ended.exit_code, ended.stdout) == (0, "m\n")
    assert "broken disabled" in ended.stderr


def test_a_broken_plugin_ends_the_job_and_is_named(job: JobFolder, install: Install) -> None:
    job.code(train_py=TRAIN)
    ended = job.run("train.py", **install("broken"))
    assert ended.exit_code == 3
    assert ended.failure is not None
    first = ended.failure.splitlines()[0]
    assert first.startswith(
        "PluginLoadError: plugin broken (smc-broken 1.2.3), import: raised ModuleNotFoundError: No "
    )
    assert "No module named 'a_framework_that_is_not_installed'" in ended.failure
    assert "SMC_DISABLE_PLUGINS=broken" in ended.stderr


def test_an_unknown_name_to_disable_is_refused(job: JobFolder, install: Install) -> None:
    ended = job.run("train.py", SMC_DISABLE_PLUGINS="kears", **install("timing"))
    assert ended.exit_code == 2
    assert "SMC_DISABLE_PLUGINS names 'kears', which is not installed; installed: timing" in (ended.failure or "")


def test_a_traceback_begins_behind_the_plugins_that_wrap_train(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train():\n    raise ValueError('bad batch')\n")
    ended = job.run("train.py", **install("timing"))
    assert "timing: before" in ended.stdout
    lines = (ended.failure or "").splitlines()
    assert lines[0] == "ValueError: bad batch (train.py:2, in train)"
    frames = [line.split(", ")[0] for line in lines if line.startswith('  File "')]
    assert [frame.rpartition("/")[2] for frame in frames] == ['train.py"'], ended.failure


def test_a_hook_that_does_not_exist_names_the_nearest(job: JobFolder, install: Install) -> None:
    ended = job.run("train.py", **install("misspelt"))
    assert ended.exit_code == 3
    assert "there is no hook 'save_modell'; the nearest is 'save_model'" in (ended.failure or "")


def test_a_hook_with_a_wrong_argument_is_refused(job: JobFolder, install: Install) -> None:
    ended = job.run("train.py", **install("wrongargs"))
    assert ended.exit_code == 3
    assert "hook save_model: asks for 'mdoel', not one of environment, module, model" in (ended.failure or "")


def test_a_hook_that_gives_the_wrong_thing_is_refused(job: JobFolder, install: Install) -> None:
    job.code(train_py=TRAIN)
    ended = job.run("train.py", **install("wrongtrain"))
    assert ended.exit_code == 3
    assert "plugin wrongtrain (smc-wrongtrain 1.2.3), hook train: returned an int instead of a TrainResult or None" in (
        ended.failure or ""
    )


def test_two_plugins_of_one_name_are_refused(job: JobFolder, distributions, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = distributions.build("timing", "", distribution="timing-one")
    two = distributions.build("timing", "", distribution="timing-two", version="9")
    environ = distributions.install(tmp_path / "a", [one])
    second = distributions.install(tmp_path / "b", [two])
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{second['PYTHONPATH']}"
    ended = job.run("train.py", **environ)
    assert ended.exit_code == 3
    assert "two plugins are named 'timing'" in (ended.failure or "")
    assert "smc-timing-one" in (ended.failure or "")
    assert "smc-timing-two" in (ended.failure or "")


def test_a_launcher_wraps_the_script(job: JobFolder, install: Install) -> None:
    job.code(train_py="import os, sys; print(os.environ['ALAUNCH'], sys.argv[1:])")
    job.raw_hyperparameters({"sagemaker_alaunch": "1", "lr": "0.10"})
    ended = job.run("train.py", **install("alaunch"))
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("alaunch: ")
    assert ended.stdout.endswith("1 ['--lr', '0.10']\n")
    assert "launcher: alaunch" in ended.stderr


def test_a_launcher_of_python_programs_refuses_a_shell_script(job: JobFolder, install: Install) -> None:
    job.code(run_sh="echo started").raw_hyperparameters({"sagemaker_alaunch": "1"})
    ended = job.run("run.sh", **install("alaunch"))
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert (
        "smc: error: launcher alaunch cannot start run.sh: it starts Python files and modules, such as "
        "train.py or pkg.train; set sagemaker_program to one, or set SMC_LAUNCHER=none and start it yourself\n"
    ) in ended.stderr
    assert (ended.failure or "").startswith("ConfigurationError: launcher alaunch cannot start run.sh: ")


@pytest.mark.parametrize("first", ["", "#!/bin/bash -e\n"])
def test_a_launcher_of_any_program_keeps_its_shell(first: str, job: JobFolder, install: Install) -> None:
    job.code(run_sh=f'{first}echo "$CLAUNCH $0 $1"').hyperparameters(epochs=5)
    ended = job.run("run.sh", **install("claunch"))
    shell = "/bin/bash -e" if first else "/bin/sh"
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == f"claunch: {shell}\n1 {job.base}/code/run.sh --epochs\n"


def test_a_launcher_wraps_the_worker(job: JobFolder, install: Install) -> None:
    job.code(train_py="import os\ndef train(lr: str):\n    print(os.environ['ALAUNCH'], lr)")
    job.raw_hyperparameters({"sagemaker_alaunch": "1", "lr": "0.10"})
    ended = job.run("train.py", **install("alaunch"))
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.endswith("1 0.10\n")


def test_two_launchers_are_a_conflict_that_names_both(job: JobFolder, install: Install) -> None:
    job.code(train_py="").raw_hyperparameters({"sagemaker_alaunch": "1"})
    ended = job.run("train.py", **install("alaunch", "blaunch"))
    assert ended.exit_code == 3
    assert "plugins alaunch (smc-alaunch 1.2.3) and blaunch (smc-blaunch 1.2.3) both launch this job" in (
        ended.failure or ""
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount an interpreter read-only")
def test_a_launch_hook_sees_what_was_installed_for_the_job_alone(
    job: JobFolder, install: Install, distributions: Any, bodies: Mapping[str, str], tmp_path: Path
) -> None:
    """Where the interpreter's own folder cannot be written, packages go into one of the job."""
    wheel = distributions.build("timing", bodies["timing"])
    found = install("looking")["PYTHONPATH"]
    job.code_files(
        {"requirements.txt": "smc-timing==1.2.3\n", "train.py": "import smc_timing; print(smc_timing.NAMESPACE)"}
    )
    venv.create(tmp_path / "venv", symlinks=True)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$0/bin/python" -m smc_core run'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(tmp_path / "venv")],
        env=job.environ(
            "train.py", PYTHONPATH=":".join([found, *filter(None, sys.path)]), SMC_WHEELS=os.path.dirname(wheel)
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["timing"]), ended.stderr


def test_the_list_of_plugins_tells_broken_ones_with_their_cause(job: JobFolder, install: Install) -> None:
    environ = install("world", "timing", "broken", "misspelt")
    ended = smc(job, "plugins", "--json", **environ)
    assert ended.returncode == 3, ended.stderr
    content = json.loads(ended.stdout)
    rows = {row["name"]: row for row in content["plugins"]}
    assert list(rows) == ["broken", "misspelt", "timing", "world"]
    assert rows["timing"]["hooks"] == ["train"]
    assert rows["timing"]["distribution"] == "smc-timing"
    assert "No module named" in rows["broken"]["cause"]
    assert "no hook 'save_modell'" in rows["misspelt"]["cause"]
    assert content["call_order"]["train"] == ["timing", "builtin"]
    assert content["call_order"]["save_model"] == ["user", "builtin"]
    text = smc(job, "plugins", SMC_DISABLE_PLUGINS="broken,misspelt", **environ)
    assert text.returncode == 0
    assert "timing    1.2.3    smc-timing    ok        train" in text.stdout


def test_order_is_by_name_and_not_by_the_order_of_installation(job: JobFolder, install: Install) -> None:
    environ = install("world", "textmodel", "alaunch", "blaunch")
    content = json.loads(smc(job, "plugins", "--json", **environ).stdout)
    assert content["call_order"]["launch"] == ["alaunch", "blaunch"]


def test_a_plugins_package_is_a_namespace_of_smc(job: JobFolder, install: Install) -> None:
    environ = job.environ(**install("timing"))
    script = (
        "import sys, smc_core as smc; assert 'pluggy' not in sys.modules; print(smc.timing.NAMESPACE)\n"
        "try: smc.absent\nexcept AttributeError as error: print(error)"
    )
    output = subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True)
    assert output.stdout.splitlines()[0] == "timing"
    assert "pip install smc-absent" in output.stdout
