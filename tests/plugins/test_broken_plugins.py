"""Broken plugins that are really installed, in real jobs and commands: each is named, and none lets a job succeed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from smc_core.testing import JobFolder

Broken = Callable[[str], Mapping[str, str]]

HEAD = "import os, sys, time\nfrom smc_core import TrainResult, hookimpl\n"
BODIES = {
    "exits": "sys.exit(0)",
    "leaves": "os._exit(0)",
    "vanishes": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "prints": "print('a banner', flush=True); os.system('echo a program')",
    "hangs": "if os.environ.get('HANG'): time.sleep(600)",
    "hanglaunch": "@hookimpl\ndef launch(command):\n    time.sleep(600)",
    "exitsintrain": "@hookimpl(wrapper=True)\ndef train():\n    yield\n    sys.exit(0)",
    "failsintrain": "@hookimpl(wrapper=True)\ndef train():\n    result = yield\n    return check(result)\n"
    "def check(result): raise RuntimeError('no licence')",
    "exitsinsave": "@hookimpl\ndef save_model(model):\n    sys.exit(0)",
    "fails": "@hookimpl\ndef create_environment():\n    raise RuntimeError('token=s3cr3t')",
    "newer": "@hookimpl\ndef train(): ...",
    "leaver": """
def leave(when):
    if os.environ.get("LEAVE") == when:
        os._exit(0)

def around(hook):
    @hookimpl(wrapper=True, specname=hook)
    def wrapper():
        leave(f"{hook} before")
        result = yield
        leave(f"{hook} after")
        return result
    return wrapper

globals().update({hook: around(hook) for hook in ("load_user_module", "train", "save_model", "keep_model")})
""",
}
REQUIRES = {"newer": ["smc-core>=9", "smc-absent; extra == 'framework'"]}
TRAIN = "def train():\n    return 'model'\ndef save(model, model_dir):\n    open(model_dir + '/m', 'w').write(model)\n"


@pytest.fixture(scope="module")
def site(distributions: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The variables with which all of them are found."""
    wheels = [distributions.build(name, HEAD + body, requires=REQUIRES.get(name, ())) for name, body in BODIES.items()]
    found: Mapping[str, str] = distributions.install(tmp_path_factory.mktemp("broken"), wheels)
    return found


@pytest.fixture
def broken(site: Mapping[str, str]) -> Broken:
    """The variables with which one of them is found, and not disabled."""
    return lambda name: {**site, "SMC_DISABLE_PLUGINS": ",".join(sorted(BODIES.keys() - {name}))}


def smc(job: JobFolder, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smc_core", *arguments]
    return subprocess.run(command, env=job.environ(**variables), capture_output=True, text=True, check=False)


def line(name: str, where: str, did: str, kind: str = "PluginError") -> str:
    plugin = f"plugin {name} (smc-{name} 1.2.3), {where}: {did}"
    return f"{kind}: {plugin}; fix or remove smc-{name}, or set SMC_DISABLE_PLUGINS={name}"


FAILURES = {
    "leaves": line("leaves", "import", "raised os._exit(0)", "PluginLoadError"),
    "exits": line("exits", "import", "raised SystemExit(0)", "PluginLoadError"),
    "exitsintrain": line("exitsintrain", "hook train", "raised SystemExit(0)"),
    "failsintrain": line("failsintrain", "hook train", "raised RuntimeError: no licence"),
    "exitsinsave": line("exitsinsave", "hook save_model", "raised SystemExit(0)"),
    "newer": "PluginVersionError: plugin newer (smc-newer 1.2.3), import: requires smc-core>=9, and 0.1.0 is installed; "
    "pip install 'smc-core>=9' or another smc-newer, or set SMC_DISABLE_PLUGINS=newer",
    "vanishes": "PluginError: os._exit(0), in a plugin or in what it imports, ended the preparation of the job before "
    "the user's code began; smc plugins lists the plugins",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_job_names_it(name: str, job: JobFolder, broken: Broken) -> None:
    code = TRAIN.partition("def save")[0] if name == "exitsinsave" else TRAIN
    ended = job.code(train_py=code).run("train.py", **broken(name))
    assert ended.exit_code == 3
    assert not ended.success
    assert (ended.failure or "").partition("\n")[0] == FAILURES[name]
    assert "Traceback" not in ended.stderr
    assert FAILURES[name].partition(": ")[2] in ended.stderr


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("hook", ["load_user_module", "train", "save_model"])
def test_one_that_leaves_around_the_users_code_is_named(hook: str, when: str, job: JobFolder, broken: Broken) -> None:
    ended = job.code(train_py=TRAIN).run("train.py", LEAVE=f"{hook} {when}", **broken("leaver"))
    assert (ended.exit_code, ended.success) == (3, False)
    assert ended.failure is not None
    assert ended.failure.splitlines()[0] == line("leaver", f"hook {hook}", "raised os._exit(0)")
    assert [text.partition(", in ")[2] for text in ended.failure.splitlines() if text.startswith("  File ")] == [
        "wrapper",
        "leave",
    ]


def test_one_that_leaves_while_a_model_is_kept_does_not_end_well(job: JobFolder, broken: Broken) -> None:
    ended = job.code(train_py="def train(): return 'model'").run(
        "train.py", LEAVE="keep_model after", **broken("leaver")
    )
    assert (ended.exit_code, ended.success) == (3, False)
    assert "plugin leaver (smc-leaver 1.2.3), hook keep_model: raised os._exit(0)" in ended.stderr


@pytest.mark.parametrize("code", [0, 7])
@pytest.mark.parametrize("place", ["module", "train", "save"])
def test_the_users_own_code_leaves_as_it_likes(place: str, code: int, job: JobFolder, broken: Broken) -> None:
    lines = {
        "module": "",
        "train": "return 'model'",
        "save": "pass",
        place: f"print('left', flush=True); os._exit({code})",
    }
    program = (
        f"import os\n{lines['module']}\ndef train():\n    {lines['train']}\n"
        f"def save(model, model_dir):\n    {lines['save']}\n"
    )
    ended = job.code(train_py=program).run("train.py", **broken("leaver"))
    assert (ended.exit_code, ended.success, ended.stdout) == (code, code == 0, "left\n"), ended.stderr


def test_the_failure_file_has_the_traceback_from_the_plugins_frame_on(job: JobFolder, broken: Broken) -> None:
    ended = job.code(train_py=TRAIN).run("train.py", **broken("failsintrain"))
    lines = (ended.failure or "").splitlines()
    frames = [text.partition(", in ")[2] for text in lines if text.startswith("  File ")]
    assert frames == ["train", "check"]
    assert lines[-1] == "RuntimeError: no licence"


def test_a_secret_in_its_words_is_masked(job: JobFolder, broken: Broken) -> None:
    ended = job.code(train_py=TRAIN).run("train.py", API_TOKEN="s3cr3t", **broken("fails"))
    assert ended.exit_code == 3
    assert "hook create_environment: raised RuntimeError: token=" in ended.stderr
    assert "s3cr3t" not in ended.stderr + str(ended.failure)


def test_the_commands_name_it(job: JobFolder, broken: Broken) -> None:
    for name in ("exits", "leaves"):
        listed = smc(job, "plugins", "--json", **broken(name))
        rows = {row["name"]: row for row in json.loads(listed.stdout)["plugins"]}
        assert (listed.returncode, rows[name]["status"]) == (3, "broken")
        assert FAILURES[name].endswith(rows[name]["cause"])
    doctor = smc(job, "doctor", **broken("exits"))
    assert doctor.returncode == 1
    assert "plugin exits (smc-exits 1.2.3), import: raised SystemExit(0)" in doctor.stdout


@pytest.mark.parametrize("arguments", [["env"], ["plan", "--json"], ["plugins", "--json"], ["why", "epochs", "--json"]])
def test_what_it_prints_is_in_no_answer(arguments: list[str], job: JobFolder, broken: Broken) -> None:
    job.code(train_py=TRAIN).hyperparameters(epochs=1)
    told = smc(job, *arguments, SAGEMAKER_PROGRAM="train.py", **broken("prints"))
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)
    assert told.stderr == "a banner\na program\n"


@pytest.mark.parametrize(("name", "where"), [("hangs", "import"), ("hanglaunch", "hook launch")])
def test_who_hangs_is_named_and_so_in_the_failure_of_a_stop(
    name: str, where: str, job: JobFolder, broken: Broken
) -> None:
    job.code(train_py=TRAIN)
    environ = job.environ("train.py", HANG="1", SMC_HOOK_PATIENCE="0.05", **broken(name))
    command = [sys.executable, "-m", "smc_core", "run"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = next(text for text in iter(running.stderr.readline, "") if "waiting" in text)
        assert said == f"smc: still waiting for plugin {name} (smc-{name} 1.2.3), {where}, after 0.05 s\n"
        wait_for_note(running.stderr, running.pid)
        running.send_signal(signal.SIGTERM)
        running.communicate()
    first = (job.base / "output/failure").read_text().splitlines()[0]
    assert first == (
        f"Stopped by SIGTERM while waiting for plugin {name} (smc-{name} 1.2.3), {where} before the user's code began"
    )


def wait_for_note(stderr: IO[str], pid: int) -> None:
    """Until the job's process has written what it waits for."""
    child = Path(f"/proc/{pid}/task/{pid}/children")
    folder = None
    while folder is None or not any(each.startswith("waiting-") for each in os.listdir(folder)):
        for each in child.read_text().split():
            variables = dict(v.partition("=")[::2] for v in Path(f"/proc/{each}/environ").read_text().split("\0"))
            folder = variables.get("SMC_REPORT_DIR", folder)
        time.sleep(0.01)


def test_a_script_that_clears_the_folder_of_reports_has_begun_all_the_same(job: JobFolder) -> None:
    code = "import os, shutil; shutil.rmtree(os.environ['SMC_REPORT_DIR'])"
    ended = job.code(train_py=code).run("train.py")
    assert (ended.exit_code, ended.success) == (0, True), ended.stderr
