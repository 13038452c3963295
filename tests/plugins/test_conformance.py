"""What the conformance tests catch: each broken plugin fails exactly the test that is about what is wrong with it.

All plugins are tested by one pytest, as their authors would. Each is the good one with some functions replaced.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from smc_core.testing import start
from smc_core.testing.conformance import (
    ConformanceTests,
    EnvironmentTests,
    JobVariablesTests,
    LaunchTests,
    PluginTests,
    SaveModelTests,
    TrainTests,
)

GOOD = """
import json, os, sys, time
from smc_core import TrainResult, hookimpl
from smc_core.kit import Framework, is_asked_for, is_switched_on, takes_part
from smc_core.setting import Flag

FRAMEWORK = Framework("loomlib")
SETTINGS = [Flag("SMC_LOOM_QUIET", "print nothing", default=False)]
PARAMETER = "sagemaker_loom_enabled"

class Model: ...

@hookimpl(wrapper=True)
def create_environment():
    return (yield)

@hookimpl
def job_variables():
    return {"LOOM": "1"}

@hookimpl
def launch(environment, command):
    if is_asked_for("loom", PARAMETER, environment, command.environ) and takes_part(environment):
        return command.under(["loom"], "loom")

@hookimpl(wrapper=True)
def load_user_module():
    return (yield)

@hookimpl(wrapper=True)
def train():
    return (yield)

@hookimpl
def save_model(environment, model):
    if isinstance(model, Model):
        path = os.path.join(environment.model_dir, "model.txt")
        if environment.is_primary:
            open(path, "w").close()
        return path

@hookimpl
def keep_model(model, path):
    if isinstance(model, Model):
        open(f"{path}.txt", "w").close()
        return f"{path}.txt"
"""

METADATA = """\
Metadata-Version: 2.1
Name: smc-{name}
Version: 1.2.3
Requires-Dist: smc-core>=0.1
Provides-Extra: framework
Requires-Dist: loomlib>=1; extra == "framework"
"""

TESTS = """
import importlib
from smc_core.testing.conformance import ConformanceTests

class {name}_Plugin(ConformanceTests):
    plugin = "{name}"
    seconds = {seconds}
    launcher = "loom"
    parameter = "sagemaker_loom_enabled"

    def make_model(self):
        return importlib.import_module("smc_{name}.plugin").Model()
"""
ONE_BY_ONE = """
import smc_good.plugin
from smc_core.testing.conformance import *

class good_Plugin(PluginTests):
    plugin = "good"

class good_Environment(EnvironmentTests):
    plugin = "good"

class good_JobVariables(JobVariablesTests):
    plugin = "good"

class good_Launch(LaunchTests):
    plugin, launcher, parameter = "good", "loom", "sagemaker_loom_enabled"

class good_Train(TrainTests):
    plugin = "good"

class good_SaveModel(SaveModelTests):
    plugin = "good"

    def make_model(self):
        return smc_good.plugin.Model()
"""
FEW = """
from smc_core.testing.conformance import ConformanceTests

class few_Plugin(ConformanceTests):
    plugin = "few"
"""

RECORDER = """
import json, os
import pytest

pytest_plugins = ["smc_core.testing.fixtures"]
FOUND = []

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        plugin = report.nodeid.split("::")[1].partition("_")[0]
        test = report.nodeid.rpartition("::")[2]
        FOUND.append([plugin, test, report.outcome, report.longreprtext])

def pytest_sessionfinish():
    with open(os.environ["FOUND"], "w") as file:
        json.dump(FOUND, file)
"""

TWO_YIELDS = "@hookimpl(wrapper=True)\ndef {hook}():\n    result = yield\n    yield\n    return result\n"
TOO_EARLY = "@hookimpl(wrapper=True)\ndef {hook}():\n    return None\n    yield\n"
NO_RESULT = "@hookimpl(wrapper=True)\ndef {hook}():\n    yield\n"
WRONG_TYPE = "@hookimpl\ndef {hook}(): return 42\n"
HANGS = "@hookimpl(wrapper=True)\ndef {hook}():\n    result = yield\n    while True: time.sleep(0.01)\n"
CONTRACT = {
    "create_environment": "test_it_creates_an_environment",
    "job_variables": "test_they_are_names_and_texts",
    "launch": "test_a_job_that_asks_for_it_is_launched",
    "load_user_module": "test_the_users_module_is_loaded",
    "train": "test_what_train_returns_comes_through",
    "save_model": "test_a_model_of_its_framework_is_saved_below_the_model_folder",
    "keep_model": "test_a_model_that_could_not_be_saved_is_kept",
}
"""Hook → the test that is about what it answers."""

LOADS = "test_it_loads"
BROKEN: dict[str, tuple[str, str, str]] = {
    "prints": ("print('hello')", "test_its_import_prints_nothing", "its import prints 'hello"),
    "warns": ("os.write(2, b'careful')", "test_its_import_prints_nothing", "its import prints 'careful'"),
    "slow": ("time.sleep(0.7)", "test_its_import_is_quick", "more than 0.5 s; import inside the hooks"),
    "eager": ("import loomlib", "test_its_import_leaves_its_framework_alone", "its import imports loomlib"),
    "stuck": ("while True: time.sleep(0.01)", LOADS, "did not return within 2 s"),
    "raises": ("1 / 0", LOADS, "import: raised ZeroDivisionError"),
    "leans": ("if 'pytest' not in sys.modules: 1 / 0", LOADS, "where nothing else is imported, ended the interpreter"),
    "exits": ("sys.exit(0)", LOADS, "import: raised SystemExit(0)"),
    "misspelt": ("@hookimpl\ndef save_modell(): ...", LOADS, "there is no hook 'save_modell'"),
    "asks": ("@hookimpl\ndef train(mdoule): ...", LOADS, "asks for 'mdoule'"),
    "noyield": ("@hookimpl(wrapper=True)\ndef train(): ...", LOADS, "is marked as a wrapper, and has no yield"),
    "unmarked": ("@hookimpl\ndef train(): yield", LOADS, "has a yield, and is not marked as a wrapper"),
    "awaits": ("@hookimpl\nasync def train(): ...", LOADS, "is an async function"),
    "forgets": (
        "def keep_model(): ...",
        "test_a_function_with_the_name_of_a_hook_answers_it",
        "mark keep_model with @hookimpl",
    ),
    "package": (
        "FRAMEWORK = Framework('loom_lib')",
        "test_its_framework_is_that_of_an_extra",
        "names loomlib, which is installed; a package 'loom_lib', which FRAMEWORK names, is not",
    ),
    "settings": ("SETTINGS = ['SMC_LOOM']", "test_its_settings_are_settings", "SETTINGS lists 'SMC_LOOM'"),
    "noextra": (
        "FRAMEWORK = Framework('loomlib', extra='loom')",
        "test_its_framework_is_that_of_an_extra",
        "smc-noextra has no extra 'loom'",
    ),
    "loses": (
        "@hookimpl(wrapper=True)\ndef create_environment():\n    return (yield).extend(hps={})",
        "test_it_keeps_what_the_job_says",
        "the hyperparameter epochs is lost",
    ),
    "onehost": (
        "@hookimpl(wrapper=True)\ndef create_environment():\n    return (yield).extend(hosts=['algo-1'], current_host='algo-1')",
        "test_every_host_gets_one",
        "on algo-1, hosts is ['algo-1']",
    ),
    "numbers": (
        "@hookimpl\ndef job_variables(): return {'LOOM': 1}",
        "test_they_are_names_and_texts",
        "returned variable 'LOOM' whose value is an int",
    ),
    "sets": (
        "@hookimpl\ndef job_variables(): os.environ['LOOM'] = '1'",
        "test_it_sets_none_itself",
        "job_variables changes LOOM of this process",
    ),
    "silent": (
        "@hookimpl(specname='launch')\ndef other(): ...\ndef launch(): ...",
        "test_a_job_that_asks_for_it_is_launched test_its_hyperparameter_asks_for_it_too",
        "launch returns None",
    ),
    "deaf": (
        "PARAMETER = None",
        "test_its_hyperparameter_asks_for_it_too",
        "hyperparameter sagemaker_loom_enabled is true, and launch returns None",
    ),
    "greedy": (
        "@hookimpl\ndef launch(environment, command):\n"
        "    if takes_part(environment) and command.environ.get('SMC_LAUNCHER') != 'none':\n"
        "        return command.under(['loom'], 'loom')",
        "test_a_job_that_does_not_ask_is_left_alone",
        "a job with no request is launched",
    ),
    "everywhere": (
        "def takes_part(environment): return True",
        "test_a_host_that_takes_no_part_is_left_alone",
        "ask takes_part(environment)",
    ),
    "shortens": (
        "@hookimpl(wrapper=True, specname='launch')\ndef shorten():\n"
        "    return [each._replace(argv=each.argv[:-1]) for each in (yield)]",
        "test_the_program_keeps_its_arguments_and_variables",
        "the command ends with",
    ),
    "bare": (
        "@hookimpl(wrapper=True, specname='launch')\ndef strip():\n    return [each._replace(environ={}) for each in (yield)]",
        "test_the_program_keeps_its_arguments_and_variables",
        "variables of the job are lost",
    ),
    "model": (
        "@hookimpl(wrapper=True)\ndef train():\n    result = yield\n    return TrainResult(result.model and str(result.model))",
        "test_what_train_returns_comes_through",
        "and the hook '<object object",
    ),
    "invents": (
        "@hookimpl(wrapper=True)\ndef train():\n    result = yield\n    return TrainResult(result.model or 'a model')",
        "test_a_train_that_returns_nothing_is_none_the_worse",
        "the user's train() returned None, and the hook TrainResult(model='a model')",
    ),
    "twice": (
        "from smc_core import functions\n@hookimpl\ndef load_user_module(): ...\n"
        "@hookimpl\ndef train(module):\n    module.train()\n    return TrainResult(module.train())",
        "test_what_train_returns_comes_through",
        "the user's train() was called 2 times",
    ),
    "swallows": (
        "@hookimpl(wrapper=True)\ndef train():\n    try:\n        return (yield)\n    except ValueError:\n        return TrainResult(None)",
        "test_an_exception_of_the_users_stays_the_cause",
        "and the plugin returned TrainResult(model=None)",
    ),
    "replaces": (
        "@hookimpl(wrapper=True)\ndef train():\n    try:\n        return (yield)\n    except ValueError:\n        raise KeyError('mine')",
        "test_an_exception_of_the_users_stays_the_cause",
        "and the plugin KeyError('mine')",
    ),
    "forgetful": (
        "@hookimpl\ndef save_model(environment, model):\n"
        "    if isinstance(model, Model) and environment.is_primary: open(environment.model_dir + '/m', 'w').close()",
        "test_a_model_of_its_framework_is_saved_below_the_model_folder",
        "which make_model() returned; it wrote m: return the path of that",
    ),
    "elsewhere": (
        "@hookimpl\ndef save_model(environment, model):\n    return __file__ if isinstance(model, Model) else None",
        "test_a_model_of_its_framework_is_saved_below_the_model_folder",
        "save_model writes",
    ),
    "any": (
        "@hookimpl\ndef save_model(environment, model):\n    path = environment.model_dir + '/m'\n"
        "    if environment.is_primary: open(path, 'w').close()\n    return path",
        "test_another_model_is_left_to_the_others",
        "return None for what is not yours",
    ),
    "writes": (
        "@hookimpl\ndef save_model(environment, model):\n    if isinstance(model, Model):\n"
        "        path = environment.model_dir + '/m'\n        open(path, 'w').close()\n        return path",
        "test_only_the_primary_writes",
        "is_primary is false, and save_model wrote m",
    ),
    "keeps": (
        "@hookimpl\ndef keep_model(path): return __file__",
        "test_a_model_that_could_not_be_saved_is_kept",
        "not the given",
    ),
}
"""Name → what is appended to the good plugin, the tests that fail, and what they say."""
for hook, test in CONTRACT.items():
    short = hook.replace("_", "")
    BROKEN[f"type{short}"] = (WRONG_TYPE.format(hook=hook), test, f"hook {hook}: returned an int instead of")
for hook in ("create_environment", "load_user_module", "train"):
    short, test = hook.replace("_", ""), CONTRACT[hook]
    BROKEN[f"two{short}"] = (TWO_YIELDS.format(hook=hook), test, "is a wrapper, and yields more than once")
    BROKEN[f"early{short}"] = (
        TOO_EARLY.format(hook=hook),
        test,
        "is a wrapper, and returned before it came to its yield",
    )
    BROKEN[f"none{short}"] = (NO_RESULT.format(hook=hook), test, "returned None instead of")
for hook in ("create_environment", "train"):
    BROKEN[f"hangs{hook[:5]}"] = (HANGS.format(hook=hook), CONTRACT[hook], "did not return within 2 s; it was at")

Found = Mapping[str, list[tuple[str, str, str]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Plugin → test, outcome and message of each test."""
    root = tmp_path_factory.mktemp("conformance")
    (root / "loomlib.py").touch()
    (root / "conftest.py").write_text(RECORDER)
    (root / "loomlib-1.0.dist-info").mkdir()
    (root / "loomlib-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: loomlib\nVersion: 1.0\n")
    for name, body in {"good": "", "nohook": "", **{name: each[0] for name, each in BROKEN.items()}}.items():
        _publish(root, name, "" if name == "nohook" else f"{GOOD}\n{body}\n")
        seconds = 2 if name == "stuck" or name.startswith("hangs") else 120
        (root / f"test_{name}.py").write_text(TESTS.format(name=name, seconds=seconds))
    _publish(root, "few", GOOD.partition("@hookimpl\ndef job_variables")[0])
    (root / "test_few.py").write_text(FEW)
    (root / "test_one_by_one.py").write_text(ONE_BY_ONE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", root, root]
    options = ["-o", "python_classes=*_*", "--import-mode=importlib"]
    environ = {**os.environ, "PYTHONPATH": str(root), "FOUND": str(root / "found.json")}
    with start([*command, *options], environ=environ, cwd=root) as running:
        ended = running.wait()
    assert (root / "found.json").exists(), ended.stdout + ended.stderr
    found: dict[str, list[tuple[str, str, str]]] = {}
    for plugin, test, outcome, message in json.loads((root / "found.json").read_text()):
        found.setdefault(plugin, []).append((test, outcome, message))
    return found


def _publish(root: Path, name: str, body: str) -> None:
    package, info = root / f"smc_{name}", root / f"smc_{name}-1.2.3.dist-info"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(body)
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(f"[smc.plugins]\n{name} = smc_{name}.plugin\n")


def test_a_good_plugin_passes_them_all(found: Found) -> None:
    assert {(test, message) for test, outcome, message in found["good"] if outcome != "passed"} == set()
    assert len(found["good"]) > 50  # in one class, and one by one


def test_one_class_has_the_tests_of_all() -> None:
    groups = (PluginTests, EnvironmentTests, JobVariablesTests, LaunchTests, TrainTests, SaveModelTests)
    tests = {name for group in groups for name in dir(group) if name.startswith("test_")}
    assert {name for name in dir(ConformanceTests) if name.startswith("test_")} == tests
    assert len(tests) > 25


def test_what_a_plugin_does_not_answer_is_not_tested(found: Found) -> None:
    outcomes = {test: (outcome, message) for test, outcome, message in found["few"]}
    skipped = {test for test, (outcome, _) in outcomes.items() if outcome == "skipped"}
    assert {outcome for outcome, _ in outcomes.values()} == {"passed", "skipped"}
    of_hooks = [name for group in (JobVariablesTests, LaunchTests, SaveModelTests) for name in vars(group)]
    assert skipped == {"test_the_users_module_is_loaded", *(name for name in of_hooks if name.startswith("test_"))}
    assert "the plugin does not answer hook launch" in outcomes["test_a_job_that_asks_for_it_is_launched"][1]


def test_a_distribution_without_the_entry_point_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _publish(tmp_path, "dumb", GOOD)
    (tmp_path / "smc_dumb-1.2.3.dist-info/entry_points.txt").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    for name, said in (
        ("dumb", 'declare it in pyproject.toml below [project.entry-points."smc.plugins"]'),
        ("no", "-e"),
    ):
        test = type("Tests", (PluginTests,), {"plugin": name})()
        with pytest.raises(AssertionError, match=re.escape(said)):
            test.test_it_loads()


def test_a_plugin_without_hooks_fails(found: Found) -> None:
    failed = {test: message for test, outcome, message in found["nohook"] if outcome == "failed"}
    assert "has no function that is marked with @hookimpl" in failed["test_it_answers_a_hook"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_fails_the_test_that_is_about_it(found: Found, name: str) -> None:
    _, tests, message = BROKEN[name]
    failed = {test: text for test, outcome, text in found[name] if outcome == "failed"}
    assert set(failed) == set(tests.split()), failed
    assert all(message in text for text in failed.values()), failed
