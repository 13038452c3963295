"""What ``smc plugin new`` writes: packages that pass their own tests, build and work as they are, offline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.scaffold.desk import Desk

from smc_core.testing import start


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lines", []),
        ("deep_loom", ["--framework", "deep-loom>=3.6,<4", "--launcher"]),
    ],
)
def test_it_passes_its_tests_and_builds_and_trains(desk: Desk, name: str, options: list[str]) -> None:
    folder = f"smc-{name.replace('_', '-')}"
    desk.smc("plugin", "new", name, *options)
    desk.run("pip", "install", "-e", ".", at=folder)
    tested = desk.run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", at=folder)
    assert "passed" in tested.stdout
    assert "failed" not in tested.stdout
    desk.run("pip", "uninstall", "--yes", folder)
    desk.run("pip", "wheel", "--wheel-dir", "dist", ".", at=folder)
    (wheel,) = (desk.folder / folder / "dist").glob("*.whl")
    desk.run("pip", "install", wheel)
    assert f"{name}  " in desk.smc("plugins").stdout
    program = desk.folder / "train.py"
    program.write_text(f"import smc_core as smc\ndef train(world_size): return smc.{name}.Model({{'a': world_size}})\n")
    launched = {"SMC_LAUNCHER": name} if options else {}
    desk.smc("run", "train.py", "--name", "first", *(["--hosts", "2"] if options else []), **launched)
    model = desk.folder / ".smc/jobs/first/model/model.json"
    assert model.read_text() == ('{"a": 2}' if options else '{"a": 1}')


def test_a_framework_is_what_the_core_compares(desk: Desk) -> None:
    desk.smc("plugin", "new", "loom", "--framework", "pytest>=1000")
    desk.run("pip", "install", "./smc-loom")
    (desk.folder / "train.py").write_text("import pytest\ndef train(): pass\n")
    ended = desk.smc("run", "train.py", expect=3)
    assert "smc-loom 0.1.0 needs pytest>=1000, and " in ended.stderr


def test_no_word_of_the_template_is_left(desk: Desk) -> None:
    desk.smc("plugin", "new", "lines", "--framework", "loom", "--launcher", "--dir", "here")
    files = {path: path.read_text() for path in (desk.folder / "here").rglob("*") if path.is_file()}
    assert len(files) == 12
    for path, text in files.items():
        assert "example" not in f"{path.relative_to(desk.folder)}{text}".lower(), path
        assert not [line for line in text.splitlines() if line.strip(" #<!->").startswith(("begin ", "end "))], path


def test_without_a_launcher_or_framework_nothing_speaks_of_them(desk: Desk) -> None:
    desk.smc("plugin", "new", "lines")
    package = desk.folder / "smc-lines"
    written = " ".join(path.read_text() for path in package.rglob("*") if path.is_file())
    for word in ("launch", "FRAMEWORK", "framework ="):
        assert word not in written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Lines"], "'Lines': a name is lower-case letters, digits and single underscores"),
        (["my-lib"], "begins with a letter, such as my_lib"),
        (["../lines"], "a name is lower-case letters"),
        (["smc-lines"], "smc- is put in front by itself; leave it out: lines"),
        (["class"], "Python has that word"),
        (["errors"], "smc_core.errors is smc's own"),
        (["builtin"], "smc itself uses that name"),
        (["none"], "smc itself uses that name"),
        (["lines", "--framework", "loom >="], "--framework 'loom >=' is no requirement"),
        (["lines", "--framework", "loom; python_version > '3'"], "name a distribution and its versions"),
        (["lines", "--framework", "loom @ file:///tmp/loom"], "name a distribution and its versions"),
        (["lines", "--framework", "3loom"], "'3loom' cannot be imported"),
        (["lines", "--dir", "there"], "there exists already"),
        (["lines", "--dir", "absent/lines"], "absent/lines cannot be written: No such file or directory"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_what_is_refused_writes_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "there").mkdir()
    command = [sys.executable, "-m", "smc_core", "plugin", "new", *arguments]
    with start(command, cwd=tmp_path) as running:
        ended = running.wait()
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert os.listdir(tmp_path) == ["there"]
    assert os.listdir(tmp_path / "there") == []


def test_the_name_of_an_installed_plugin_is_refused(desk: Desk) -> None:
    desk.smc("plugin", "new", "lines")
    desk.run("pip", "install", "./smc-lines")
    ended = desk.smc("plugin", "new", "lines", "--dir", "again", expect=2)
    assert "a plugin cannot be called 'lines': lines (smc-lines 0.1.0) is installed" in ended.stderr
    assert not (desk.folder / "again").exists()
