"""``smc plugins -v``, and which plugins are loaded where settings choose."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smc_core import __version__
from smc_core.testing import JobFolder

Install = Callable[..., Mapping[str, str]]

LOOM = """
import time
time.sleep(0.03)
from smc_core import hookimpl
from smc_core.kit import Framework
FRAMEWORK = Framework("loom", extra="weaving")

@hookimpl(wrapper=True)
def train():
    return (yield)

@hookimpl
def save_model(model): ...
"""
REQUIRES = ["smc-core>=0.1,<9", "loom>=3.6,<4; extra == 'weaving'"]
TRAIN = "def train():\n    print('trained')\n"


@pytest.fixture
def site(distributions: Any, bodies: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """One plugin for a framework, one without, and one that cannot be imported."""
    wheels = [distributions.build("loomy", LOOM, requires=REQUIRES)]
    wheels += [distributions.build(name, bodies[name]) for name in ("broken", "timing")]
    found = tmp_path / "site"
    environ: dict[str, str] = distributions.install(found, wheels)
    (found / "loom-3.7.dist-info").mkdir()
    (found / "loom-3.7.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: loom\nVersion: 3.7\n")
    (found / "loom.py").touch()
    return environ


def plugins(job: JobFolder, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smc_core", "plugins", *options]
    return subprocess.run(command, env=job.environ(**variables), capture_output=True, text=True, check=False)


def test_all_that_is_known_of_each(job: JobFolder, site: dict[str, str]) -> None:
    ended = plugins(job, "-v", SMC_DISABLE_PLUGINS="timing", **site)
    assert ended.returncode == 3
    broken, loomy, timing, _ = ended.stdout.split("\n\n")
    name, status, origin, *_ = broken.splitlines()
    assert (name, origin) == ("broken 1.2.3", "  from       smc-broken, smc_broken.plugin")
    assert status.startswith(
        "  status     broken: plugin broken (smc-broken 1.2.3), import: raised ModuleNotFoundError: "
    )
    lines = loomy.splitlines()
    took = lines.pop(4).split()
    assert lines == [
        "loomy 1.2.3",
        "  status     ok",
        "  from       smc-loomy, smc_loomy.plugin",
        "  hooks      train, save_model",
        f"  requires   smc-core<9,>=0.1: smc-core {__version__} is installed",
        "  framework  loom<4,>=3.6: loom 3.7 is installed",
    ]
    assert took[0] == "import"
    assert took[2] in ("ms", "s")
    assert timing.splitlines()[1:] == [
        "  status     disabled: SMC_DISABLE_PLUGINS names it",
        "  from       smc-timing, smc_timing.plugin",
        "  hooks      -",
        "  import     -",
    ]
    assert "  train: [loomy] → builtin\n" in ended.stdout


def test_the_same_as_data(job: JobFolder, site: dict[str, str]) -> None:
    ended = plugins(job, "--json", SMC_PLUGINS="loomy,broken", **site)
    assert ended.returncode == 3
    found = json.loads(ended.stdout)
    broken, loomy, timing = found["plugins"]
    assert (broken["status"], broken["import_seconds"]) == ("broken", None)
    assert "No module named" in broken["cause"]
    assert (loomy["status"], loomy["cause"], loomy["hooks"]) == ("ok", "", ["train", "save_model"])
    assert loomy["import_seconds"] >= 0.03
    core = {"name": "smc-core", "versions": "<9,>=0.1", "build": "smc-core", "found": __version__, "is_met": True}
    assert loomy["requires"] == [core]
    loom = {"name": "loom", "versions": "<4,>=3.6", "build": "loom", "found": "3.7", "is_met": True}
    assert loomy["framework"] == [loom]
    assert (timing["status"], timing["cause"], timing["hooks"]) == ("skipped", "SMC_PLUGINS does not name it", [])
    assert found["wrappers"]["train"] == ["loomy"]


def test_only_what_is_selected_is_loaded(job: JobFolder, install: Install) -> None:
    ended = job.code(train_py=TRAIN).run("train.py", SMC_PLUGINS="world", **install("world", "timing", "broken"))
    assert (ended.exit_code, ended.stdout) == (0, "trained\n"), ended.stderr
    assert "plugins: world 1.2.3, broken skipped, timing skipped" in ended.stderr


@pytest.mark.parametrize(
    ("selected", "disabled", "states"),
    [
        ("", "", {"world": "ok", "timing": "ok"}),
        ("none", "", {"world": "skipped", "timing": "skipped"}),
        (" timing , world ", "", {"world": "ok", "timing": "ok"}),
        ("timing,world", "timing", {"world": "ok", "timing": "disabled"}),
        ("timing", "world", {"world": "disabled", "timing": "ok"}),
        ("timing", "timing", {"world": "skipped", "timing": "disabled"}),
    ],
)
def test_what_is_disabled_is_left_out_of_what_is_selected(
    selected: str, disabled: str, states: dict[str, str], job: JobFolder, install: Install
) -> None:
    given = {**install("world", "timing"), "SMC_PLUGINS": selected, "SMC_DISABLE_PLUGINS": disabled}
    ended = plugins(job, "--json", **given)
    assert ended.returncode == 0, ended.stderr
    assert {each["name"]: each["status"] for each in json.loads(ended.stdout)["plugins"]} == states


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        ("wrold", "names 'wrold', which is not installed; installed: timing, world; did you mean world?"),
        ("world,none", "names 'none', which is not installed; installed: timing, world"),
        (",", "is ',', not names with commas between them"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(
    selected: str, said: str, job: JobFolder, install: Install
) -> None:
    ended = job.code(train_py=TRAIN).run("train.py", SMC_PLUGINS=selected, **install("world", "timing"))
    assert ended.exit_code == 2
    assert (ended.failure or "").splitlines()[0] == f"ConfigurationError: variable SMC_PLUGINS {said}"


def test_the_namespace_of_a_plugin_that_is_left_out_says_why(job: JobFolder, install: Install) -> None:
    environ = job.environ(SMC_PLUGINS="none", **install("timing"))
    script = "import smc_core\ntry: smc_core.timing\nexcept AttributeError as error: print(error)"
    output = subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True)
    said = "module 'smc_core' has no attribute 'timing', and plugin timing is not loaded: SMC_PLUGINS does not name it"
    assert output.stdout == f"{said}\n"
