"""``smc doctor``: what is wrong with a machine or an image, and what to do about it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.start_word import find, judge
from smc_core.testing import JobFolder


def doctor(job: JobFolder, *arguments: str, **variables: str) -> tuple[int, dict[str, dict]]:
    command = [sys.executable, "-m", "smc_core", "doctor", "--json", *arguments]
    environ = job.environ(None, **variables)
    ended = subprocess.run(command, env=environ, cwd=job.base, capture_output=True, text=True, check=False)
    return ended.returncode, {finding["check"]: finding for finding in json.loads(ended.stdout)}


def test_a_machine_that_is_well(job: JobFolder) -> None:
    code, found = doctor(job)
    assert {name: finding["text"] for name, finding in found.items() if finding["state"] == "problem"} == {}
    assert code == 0
    assert {"Python", "smc-core", "processors", "memory", "GPUs", "shared memory", "disk", "folders", "job"} <= set(
        found
    )
    assert sorted(os.listdir(job.base)) == ["code", "input", "model", "output"]


def test_for_people(job: JobFolder) -> None:
    command = [sys.executable, "-m", "smc_core", "doctor"]
    ended = subprocess.run(command, env=job.environ(), cwd=job.base, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("ok       Python        3.")
    assert ended.stdout.endswith("no problems\n")


def test_a_malformed_file(job: JobFolder) -> None:
    job.config("hyperparameters.json", "{")
    code, found = doctor(job)
    assert code == 1
    assert "hyperparameters.json, line 1" in found["job"]["text"]
    assert found["job"]["fix"]


def test_hosts_that_cannot_be_found(job: JobFolder) -> None:
    job.hosts("127.0.0.1", "x" * 300, current="127.0.0.1")  # no name is so long: nobody is asked for it
    code, found = doctor(job)
    assert code == 1
    assert "cannot find the host x" in found["hosts"]["text"]


def test_hosts_that_are_found(job: JobFolder) -> None:
    job.hosts("127.0.0.1", "127.0.0.2")
    assert doctor(job)[1]["hosts"]["state"] == "ok"


def test_a_base_directory_that_is_not_there(job: JobFolder, tmp_path: Path) -> None:
    code, found = doctor(job, SAGEMAKER_BASE_DIR=str(tmp_path / "absent"))
    assert code == 1
    assert "SAGEMAKER_BASE_DIR" in found["folders"]["fix"]


def test_a_folder_that_cannot_be_written(job: JobFolder) -> None:
    (job.base / "model").rmdir()
    (job.base / "model").symlink_to("/proc")
    code, found = doctor(job)
    assert code == 1
    assert "model cannot be written" in found["folders"]["text"]


def test_a_framework_that_a_plugin_does_not_work_with(job: JobFolder, tmp_path: Path) -> None:
    distribution(tmp_path, "frame", "1.0")
    plugin = "Requires-Dist: frame>=2; extra == 'framework'\nProvides-Extra: framework\n"
    distribution(tmp_path, "smc-frame", "0.1.0", plugin, "[smc.plugins]\nframe = frame_plugin\n")
    (tmp_path / "frame_plugin.py").write_text("")
    code, found = doctor(job, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert found["plugin"]["text"] == "frame 0.1.0: frame 1.0 is installed, not >=2"
    assert found["plugin"]["fix"] == "pip install 'smc-frame[framework]'"


@pytest.mark.parametrize(
    ("version", "state", "text"),
    [("2.1", "ok", "frame 0.1.0"), ("1.0", "problem", "frame 0.1.0: frame-cpu 1.0 is installed, not >=2")],
)
def test_a_framework_under_another_name(job: JobFolder, tmp_path: Path, version: str, state: str, text: str) -> None:
    distribution(tmp_path, "frame-cpu", version)
    (tmp_path / f"frame_cpu-{version}.dist-info/RECORD").write_text("frame/__init__.py,,\n")
    (tmp_path / "frame").mkdir()
    (tmp_path / "frame/__init__.py").touch()
    plugin = "Requires-Dist: frame>=2; extra == 'framework'\nProvides-Extra: framework\n"
    distribution(tmp_path, "smc-frame", "0.1.0", plugin, "[smc.plugins]\nframe = frame_plugin\n")
    (tmp_path / "frame_plugin.py").write_text(
        "from smc_core.compatibility import Framework\nFRAMEWORK = Framework('frame')\n"
    )
    _, found = doctor(job, PYTHONPATH=str(tmp_path))
    assert (found["plugin"]["state"], found["plugin"]["text"]) == (state, text)


def test_a_broken_plugin(job: JobFolder, tmp_path: Path) -> None:
    distribution(tmp_path, "smc-broken", "0.1.0", "", "[smc.plugins]\nbroken = absent_module\n")
    code, found = doctor(job, PYTHONPATH=str(tmp_path), SMC_DISABLE_PLUGINS="broken")
    assert (code, found["plugin"]["state"]) == (0, "note")
    code, found = doctor(job, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "absent_module" in found["plugin"]["text"]


@pytest.mark.parametrize("is_there", [True, False])
def test_the_index_is_asked_only_when_that_is_wanted(job: JobFolder, is_there: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not is_there:
            server.close()
        variables = {
            **{"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "NO_PROXY": "*"},
            **{"PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""},  # the machine's own settings have no say
        }
        assert "index" not in doctor(job, **variables)[1]
        code, found = doctor(job, "--index", **variables)
    assert (code, found["index"]["state"]) == ((0, "ok") if is_there else (1, "problem"))


@pytest.mark.parametrize(
    ("script", "beside", "state", "text"),
    [
        ("from smc_core.cli import train", False, "ok", "starts smc"),
        ("from smc_core.cli import train", True, "note", "sagemaker-training 5.1.0 brings a command of that name too"),
        ("from sagemaker_training.cli.train import main", True, "problem", "it comes with sagemaker-training 5.1.0"),
        ("import mine", False, "problem", "does not start smc"),
    ],
)
def test_whose_the_command_train_is(
    job: JobFolder, tmp_path: Path, script: str, beside: bool, state: str, text: str
) -> None:
    (tmp_path / "train").write_text(f"#!{sys.executable}\n{script}\n")
    (tmp_path / "train").chmod(0o755)
    if beside:
        distribution(tmp_path, "sagemaker-training", "5.1.0")
    code, found = doctor(job, PYTHONPATH=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (found["train"]["state"], code) == (state, int(state == "problem"))
    assert f"{tmp_path}/train" in found["train"]["text"]
    assert text in found["train"]["text"]
    assert ("pip uninstall sagemaker-training" in found["train"]["fix"]) == (beside and state == "problem")


def test_what_is_left_of_the_classic_toolkit(job: JobFolder, tmp_path: Path) -> None:
    distribution(tmp_path, "sagemaker-training", "5.1.0")
    distribution(tmp_path, "sagemaker-pytorch-training", "2.9.1")
    code, found = doctor(job, PYTHONPATH=str(tmp_path))
    assert (code, found["classic"]["state"]) == (0, "note")
    assert found["classic"]["text"].endswith(": sagemaker-training 5.1.0, sagemaker-pytorch-training 2.9.1")
    assert found["classic"]["fix"].startswith("pip uninstall sagemaker-training sagemaker-pytorch-training, then ")


@pytest.mark.parametrize(
    ("target", "is_classic"),
    [
        ("sagemaker_pytorch_container.training:main", True),
        ("sagemaker_tensorflow_container.training", True),
        ("sagemaker_mine.training:main", False),
        ("", False),
    ],
)
def test_a_function_of_the_classic_toolkit(job: JobFolder, target: str, is_classic: bool) -> None:
    code, found = doctor(job, SAGEMAKER_TRAINING_MODULE=target)
    assert (code, "classic" in found) == (int(is_classic), is_classic)
    if is_classic:
        assert target in found["classic"]["text"]
        assert found["classic"]["fix"] == "clear it in the image: ENV SAGEMAKER_TRAINING_MODULE="


def test_a_note_for_people_says_what_to_do(job: JobFolder, tmp_path: Path) -> None:
    distribution(tmp_path, "sagemaker-training", "5.1.0")
    environ = job.environ(None, PYTHONPATH=str(tmp_path))
    command = [sys.executable, "-m", "smc_core", "doctor"]
    ended = subprocess.run(command, env=environ, cwd=job.base, capture_output=True, text=True, check=True)
    assert "fix: pip uninstall sagemaker-training, then " in ended.stdout


def test_without_a_command_train() -> None:
    state, text, fix = judge(find(path="/nowhere"))
    assert (state, text[:25]) == ("problem", "there is no command train")
    assert "smc-core" in fix


def distribution(folder: Path, name: str, version: str, head: str = "", entry_points: str = "") -> None:
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{head}")
    (place / "entry_points.txt").write_text(entry_points)


def test_a_variable_that_is_no_setting_is_noted_and_a_malformed_one_is_a_problem(desk) -> None:
    desk.environ |= {"SMC_STOP_GRAZE": "5", "SMC_HP_EPOCHS": "5", "SMC_CHANNEL_TRAINING": "/data"}
    findings = json.loads(desk.smc("doctor", "--json").stdout)
    noted = [(each["state"], each["text"]) for each in findings if each["check"] == "variables"]
    assert noted == [
        ("note", "SMC_STOP_GRAZE is no setting of smc or of an installed plugin; did you mean SMC_STOP_GRACE?")
    ]
    desk.environ["SMC_HP_epochs"] = "6"
    ended = desk.smc("doctor")
    assert ended.exit_code == 1
    assert "variables SMC_HP_EPOCHS and SMC_HP_epochs both set 'epochs'" in ended.stdout
