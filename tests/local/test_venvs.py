"""``smc run --venv``: a fresh virtual environment, kept for the next job that asks for the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from smc_core.testing import wait_until

SCRIPT = """
import importlib.util, sys
import demo_dep
from smc_core.testing import wait_until
print(demo_dep.VERSION, sys.executable, importlib.util.find_spec("pytest"))
"""
FUNCTION = "def train(epochs: int):\n    import demo_dep\n    print(demo_dep.VERSION, epochs)\n"


def wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    metadata = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{metadata}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{metadata}/RECORD"]))


@pytest.fixture
def project(desk, tmp_path: Path):
    wheel(tmp_path / "wheels", "demo_dep", "1.0")
    wheel(tmp_path / "wheels", "demo_dep", "2.0")
    desk.environ["SMC_WHEELS"] = str(tmp_path / "wheels")
    desk.write("project/train.py", SCRIPT)
    desk.write("project/function.py", FUNCTION)
    desk.write("project/requirements.txt", "demo_dep==1.0\n")
    return desk


def test_it_has_what_is_asked_for_and_nothing_of_the_users(project) -> None:
    version, python, pytest_found = project.run("./project", "--venv").stdout.split()
    assert version == "1.0"
    assert python != project.python
    assert pytest_found == "None"


def test_where_there_is_no_uv_pythons_own_venv_and_pip_make_it(project, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", plain], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(plain)}))
    packages.joinpath("tested.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    project.python = str(plain / "bin/python")
    project.environ["PATH"] = os.pathsep.join(
        folder for folder in project.environ["PATH"].split(os.pathsep) if not os.path.exists(os.path.join(folder, "uv"))
    )
    ended = project.run("./project", "--venv")
    assert "environment with venv" in ended.stderr
    assert ended.stdout.split()[0] == "1.0"
    assert ended.stdout.split()[2] == "None"


def test_it_is_kept_for_the_next_job_that_asks_for_the_same(project) -> None:
    first = project.run("./project", "--venv")
    second = project.run("./project", "--venv")
    project.write("project/requirements.txt", "demo_dep==2.0\n")
    third = project.run("./project", "--venv")
    assert "creating a virtual environment" in first.stderr
    assert "creating a virtual environment" not in second.stderr
    assert first.stdout == second.stdout
    assert third.stdout.split()[0] == "2.0"
    assert third.stdout.split()[1] != first.stdout.split()[1]


def test_a_function_is_called_in_it(project) -> None:
    assert project.run("project/function.py", "--venv", "-p", "epochs=3").stdout == "1.0 3\n"


def test_an_archive_gets_one_of_its_own(project) -> None:
    with tarfile.open(project.folder / "project.tar.gz", "w:gz") as archive:
        archive.add(project.folder / "project", ".")
    assert project.run("project.tar.gz", "--venv").stdout.split()[0] == "1.0"
    project.write("project/requirements.txt", "\n")
    with tarfile.open(project.folder / "project.tar.gz", "w:gz") as archive:
        archive.add(project.folder / "project", ".")
    ended = project.smc("run", "project.tar.gz", "--venv")
    assert (ended.exit_code, "No module named 'demo_dep'" in ended.stderr) == (1, True)


def test_a_job_fails_by_what_cannot_be_installed(project) -> None:
    project.write("project/requirements.txt", "demo_dep==3.0\n")
    ended = project.smc("run", "./project", "--venv", "--name", "mine")
    assert ended.exit_code == 4
    assert ended.stderr.count("missing: demo_dep==3.0") == 1
    (job,) = project.jobs()
    assert (job["name"], job["status"], job["exit_code"]) == ("mine", "failed", 4)
    assert job["failure"].startswith("CodeError: requirements.txt cannot be installed: ")
    assert "demo-dep==3.0" in project.smc("logs", "mine").stdout  # the installer's own lines
    assert "job mine: failed with exit code 4" in ended.stderr


SLOW_BACKEND = """
import os, time
def build_wheel(*_):
    with open(os.environ["FIFO"], "w") as file: file.write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_packages_are_installed_is_recorded(project, number: int) -> None:
    slow = project.folder / "project/slow"
    project.write("project/requirements.txt", "./slow\n")
    project.write("project/slow/slow.py", SLOW_BACKEND)
    project.write(
        "project/slow/pyproject.toml",
        '[project]\nname = "slow"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n',
    )
    project.environ["FIFO"] = str(slow / "fifo")
    os.mkfifo(slow / "fifo")
    process = project.start("run", "./project", "--venv", "--name", "mine")
    builder = int((slow / "fifo").read_text())
    process.send(number)
    ended = process.wait()
    assert ended.exit_code == 128 + number, ended.stderr
    (job,) = project.jobs()
    assert (job["status"], job["exit_code"]) == ("stopped", 128 + number)
    assert job["failure"] == f"Stopped by {signal.Signals(number).name} while packages were installed"
    assert "Traceback" not in ended.stderr
    assert "job mine: stopped with exit code" in ended.stderr
    wait_until(lambda: not os.path.exists(f"/proc/{builder}"))


def test_without_requirements_it_is_empty(project) -> None:
    assert project.smc("run", "./project", "--venv", "--no-requirements").exit_code == 1
