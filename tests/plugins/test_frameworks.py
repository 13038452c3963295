"""The framework that a plugin names, against the one that is installed: which jobs fail, and when."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import JobFolder

Setting = Callable[..., Mapping[str, str]]

HEAD = "from smc_core import hookimpl\nfrom smc_core.compatibility import Framework\n"
LAUNCH = """
@hookimpl
def launch(command):
    if command.environ.get("SMC_LAUNCHER") == "{name}":
        return command.with_variables({{}}, "{name}")
"""
NEEDS = ("always", "launched", "used")
BODIES = {need: f"{HEAD}FRAMEWORK = Framework('loom', needed=('{need}',)){LAUNCH.format(name=need)}" for need in NEEDS}
METADATA = "Metadata-Version: 2.1\nName: loom\nVersion: 2.15.0\n"
SAID = (
    "PluginVersionError: smc-{name} 1.2.3 needs loom<4,>=3.6, and 2.15.0 is installed; pip install 'loom<4,>=3.6', "
    "or do without the plugin: SMC_DISABLE_PLUGINS={name}"
)


@pytest.fixture(scope="module")
def site(distributions: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The variables with which the plugins are found."""
    requires = ["loom>=3.6,<4; extra == 'framework'"]
    wheels = [distributions.build(name, body, requires=requires) for name, body in BODIES.items()]
    found: Mapping[str, str] = distributions.install(tmp_path_factory.mktemp("frameworks"), wheels)
    return found


@pytest.fixture
def setting(site: Mapping[str, str], tmp_path: Path) -> Setting:
    """The variables with which one plugin is found, and an old framework unless there is none."""

    def variables(name: str, *, framework: bool = True) -> Mapping[str, str]:
        path = [site["PYTHONPATH"]]
        if framework:
            (tmp_path / "image/loom-2.15.0.dist-info").mkdir(parents=True)
            (tmp_path / "image/loom-2.15.0.dist-info/METADATA").write_text(METADATA)
            (tmp_path / "image/loom.py").touch()
            path.append(str(tmp_path / "image"))
        return {"PYTHONPATH": ":".join(path), "SMC_DISABLE_PLUGINS": ",".join(sorted(BODIES.keys() - {name}))}

    return variables


USES = "import loom\ndef train(): print('trained')"
USES_NOT = "def train(): print('trained')"


@pytest.mark.parametrize(
    ("name", "code", "launcher", "fails"),
    [
        ("always", USES_NOT, "none", True),
        ("launched", USES_NOT, "launched", True),
        ("launched", USES, "none", False),
        ("used", USES, "none", True),
        ("used", USES_NOT, "none", False),
        ("used", USES_NOT, "used", False),
    ],
)
def test_an_old_framework_fails_the_jobs_that_need_it(
    name: str, code: str, launcher: str, fails: bool, job: JobFolder, setting: Setting
) -> None:
    ended = job.code(train_py=code).run("train.py", SMC_LAUNCHER=launcher, **setting(name))
    if fails:
        assert (ended.exit_code, ended.stdout) == (3, "")
        assert (ended.failure or "").splitlines()[0] == SAID.format(name=name)
    else:
        assert (ended.exit_code, ended.stdout) == (0, "trained\n"), ended.stderr


def test_an_image_without_the_framework_is_not_broken(job: JobFolder, setting: Setting) -> None:
    ended = job.code(train_py=USES_NOT).run("train.py", **setting("always", framework=False))
    assert ended.exit_code == 0, ended.stderr


def test_what_the_requirements_bring_is_compared_too(job: JobFolder, setting: Setting, tmp_path: Path) -> None:
    job.code_files({"train.py": USES_NOT, "requirements.txt": "loom==2.15.0\n", "wheels/note": ""})
    with zipfile.ZipFile(job.base / "code/wheels/loom-2.15.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("loom.py", "")
        wheel.writestr("loom-2.15.0.dist-info/METADATA", METADATA)
        wheel.writestr("loom-2.15.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("loom-2.15.0.dist-info/RECORD", "")
    venv.create(tmp_path / "venv", symlinks=True)  # where it is installed
    given = setting("always", framework=False)
    given = {**given, "PYTHONPATH": ":".join([given["PYTHONPATH"], *filter(None, sys.path)])}
    ended = job.run("train.py", python=str(tmp_path / "venv/bin/python"), **given)
    assert ended.exit_code == 3, ended.stderr
    assert (ended.failure or "").splitlines()[0] == SAID.format(name="always")


@pytest.mark.parametrize(("framework", "state"), [(True, "problem"), (False, "note")])
def test_the_doctor_says_what_is_wrong_and_what_is_absent(
    framework: bool, state: str, job: JobFolder, setting: Setting
) -> None:
    command = [sys.executable, "-m", "smc_core", "doctor", "--json"]
    environ = job.environ(**setting("used", framework=framework))
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    found = next(each for each in json.loads(ended.stdout) if each["text"].startswith("used 1.2.3"))
    said = "loom 2.15.0 is installed, not <4,>=3.6" if framework else "loom<4,>=3.6 is not installed"
    assert found["state"] == state
    assert said in found["text"]
    assert found["fix"] == ("pip install 'smc-used[framework]'" if framework else "")
