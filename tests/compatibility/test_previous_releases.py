"""Plugins as earlier releases wrote them, on the core of today.

``pinned/X.Y`` is what ``smc plugin new`` of smc-core X.Y wrote, with a framework and a launcher. It is data: nobody edits it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.scaffold.desk import Desk

from smc_core import __version__
from smc_core.plugins import HOOKS

PINNED = Path(__file__).parent / "pinned"
RELEASES = sorted(path.name for path in PINNED.iterdir() if path.is_dir())
TOMORROW = """
import os
from smc_core.plugins import calls, manager

created, called = manager.Manager.__init__, calls.Calls.call

def create(self, *arguments, **more):
    created(self, *arguments, **more)
    for hook in manager.HOOKS:
        spec = getattr(self.hook, hook).spec
        spec.argnames = (*spec.argnames, "of_tomorrow")

def call(self, hook, **given):
    with open(os.environ["CALLED"], "a") as file:
        print(hook, file=file)
    return called(self, hook, **given, of_tomorrow="new")

manager.Manager.__init__, calls.Calls.call = create, call
"""
"""A core in which every hook has one more argument. The file ``CALLED`` shows that this is the one that runs."""
pytestmark = pytest.mark.slow


@pytest.fixture(params=RELEASES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """A desk on which the plugin of a release is installed, from its wheel."""
    desk = Desk(tmp_path)
    shutil.copytree(PINNED / request.param, tmp_path / "plugin")
    pyproject = tmp_path / "plugin/pyproject.toml"
    text, count = re.subn(r"(smc-core\S*>=[\d.]+),<[\d.]+", r"\1", pyproject.read_text())
    assert count == 2  # its author promises no more than the release knew; here is tried what holds beyond
    pyproject.write_text(text)
    desk.run("pip", "wheel", "--wheel-dir", "dist", "./plugin")
    desk.run("pip", "install", *(tmp_path / "dist").glob("*.whl"))
    return desk


def test_its_own_tests_pass(desk: Desk) -> None:
    tested = desk.run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", at="plugin")
    assert re.search(r"\d+ passed", tested.stdout)


def test_an_argument_that_a_hook_gets_later_changes_nothing(desk: Desk) -> None:
    (site,) = (desk.folder / "venv").glob("lib/python*/site-packages")
    (site / "sitecustomize.py").write_text(TOMORROW)
    there = ("tests/test_hooks.py", "tests/test_jobs.py")
    called = desk.folder / "called"
    tested = desk.run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *there, at="plugin", CALLED=str(called))
    assert re.search(r"\d+ passed", tested.stdout)
    assert set(called.read_text().split()) == set(HOOKS) - {"keep_model"}


def test_the_release_before_this_version_is_pinned() -> None:
    """Before the first release that is the version in work."""
    major, minor = map(int, __version__.split(".")[:2])
    assert f"{major}.{max(minor - 1, 1)}" in RELEASES or major > 0
