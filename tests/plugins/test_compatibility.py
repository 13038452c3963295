"""A plugin goes on working with a later core: hooks get arguments that it does not know, and names change."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from smc_core import __version__, hookspecs
from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import PluginLoadError
from smc_core.hookspecs import TrainResult, hookimpl
from smc_core.plugins import HOOKS, Installed, Plugins, deprecations, new_manager, register
from smc_core.plugins.deprecations import Renamed
from smc_core.testing import JobFolder
from smc_core.testing.conformance import PluginTests

OLD_HOOK = Renamed("store_model", "", "save_model", "0.1.0", "0.3.0")
OLD_ARGUMENT = Renamed("save_model", "mdl", "model", "0.1.0", "0.3.0")
HOOK_SAID = "hook store_model is deprecated: write save_model (smc-core 0.1.0); 0.3.0 removes the old name"
ARGUMENT_SAID = (
    "argument mdl of hook save_model is deprecated: write model (smc-core 0.1.0); 0.3.0 removes the old name"
)

FEWER = "\n".join(
    [
        "import sys",
        "from smc_core import hookimpl",
        *(f"@hookimpl\ndef {hook}():\n    print('called', {hook!r}, file=sys.stderr)" for hook in HOOKS),
    ]
)
"""A plugin from a time when no hook had any argument."""
STORES = """
from smc_core import hookimpl

@hookimpl
def store_model(environment, mdl):
    with open(environment.model_dir + "/stored", "w") as file:
        file.write(mdl)
    return environment.model_dir + "/stored"
"""


def test_a_plugin_that_takes_no_argument_is_called_for_every_hook(
    job: JobFolder, distributions: Any, tmp_path: Path
) -> None:
    environ = distributions.install(tmp_path / "site", [distributions.build("fewer", FEWER)])
    ended = job.code(train_py="def train():\n    return {1, 2}\n").run("train.py", **environ)
    assert ended.exit_code == 3, ended.stderr
    assert "train() returned a set, which no plugin can save; kept: " in (ended.failure or "")
    called = [line.split()[1] for line in ended.stderr.splitlines() if line.startswith("called ")]
    assert list(dict.fromkeys(called)) == list(HOOKS)


def _given(hook: str, job: JobFolder) -> dict[str, Any]:
    """What a hook is called with."""
    values = {
        "base_dir": str(job.base),
        "environment": Environment.create(base_dir=str(job.base), environ={}),
        "environ": {},
        "command": Command((sys.executable, "train.py"), {}, str(job.base), "script"),
        "module": types.ModuleType("job"),
        "model": 3,
        "path": str(job.base / "kept"),
    }
    return {name: values[name] for name in inspect.signature(getattr(hookspecs, hook)).parameters}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_plugin_of_today_is_called_when_its_hook_has_a_new_argument(hook: str, job: JobFolder) -> None:
    given = _given(hook, job)
    got = []
    names = ", ".join(given)
    space: dict[str, Any] = {"got": got}
    exec(f"def {hook}({names}): got.append([{names}])", space)
    plugin = types.SimpleNamespace(**{hook: hookimpl(space[hook])})
    manager = new_manager({})
    spec = getattr(manager.hook, hook).spec
    spec.argnames = (*spec.argnames, "of_tomorrow")
    manager.unregister(name="builtin")  # which would do what it is asked for
    manager.register(plugin, "today")
    manager.calls.call(hook, **given, of_tomorrow="new")
    assert got == [list(given.values())]


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let names have been renamed."""
    return lambda *renamed: monkeypatch.setattr(deprecations, "RENAMED", renamed)


def loaded(**functions: Callable[..., Any]) -> Plugins:
    manager = new_manager({})
    plugin = types.SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})
    manager.register(plugin, "old", Installed("old", "smc-old", "1.2.3", "old"))
    return Plugins(manager, [])


def saved(plugins: Plugins, job: JobFolder) -> object:
    return plugins.hook.save_model(**_given("save_model", job))


def test_the_old_name_of_a_hook_is_its_new_one(tomorrow: Callable[..., None], job: JobFolder) -> None:
    tomorrow(OLD_HOOK)
    plugins = loaded(store_model=lambda model: f"/saved/{model}")
    assert saved(plugins, job) == "/saved/3"
    assert plugins.callers("save_model") == ["user", "old", "builtin"]
    assert plugins.deprecated == [f"plugin old (smc-old 1.2.3): {HOOK_SAID}"]


def test_the_old_name_of_an_argument_has_the_value_of_the_new_one(
    tomorrow: Callable[..., None], job: JobFolder
) -> None:
    tomorrow(OLD_ARGUMENT)
    plugins = loaded(save_model=lambda environment, mdl: f"/saved/{mdl}")
    assert saved(plugins, job) == "/saved/3"
    assert plugins.deprecated == [f"plugin old (smc-old 1.2.3): {ARGUMENT_SAID}"]


def test_a_plugin_that_has_both_names_is_called_once_and_nothing_is_said(
    tomorrow: Callable[..., None], job: JobFolder
) -> None:
    tomorrow(OLD_HOOK)
    plugins = loaded(store_model=lambda model: f"/old/{model}", save_model=lambda model: f"/new/{model}")
    assert saved(plugins, job) == "/new/3"
    assert plugins.callers("save_model") == ["user", "old", "builtin"]
    assert plugins.deprecated == []


def test_what_uses_no_old_name_is_not_named(tomorrow: Callable[..., None]) -> None:
    tomorrow(OLD_HOOK, OLD_ARGUMENT)
    assert loaded(save_model=lambda model: None, train=lambda: TrainResult()).deprecated == []


def test_what_is_wrong_beside_an_old_name_is_still_said(
    tomorrow: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow(OLD_HOOK, OLD_ARGUMENT)
    (tmp_path / "stores_wrongly.py").write_text(
        "from smc_core import hookimpl\n@hookimpl\ndef store_model(mdl, modle): ..."
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        PluginLoadError, match="hook save_model: asks for 'modle', not one of environment, module, model"
    ):
        register(new_manager({}), Installed("old", "smc-old", "1.2.3", "stores_wrongly"))


def test_without_an_entry_the_old_names_are_unknown(job: JobFolder) -> None:
    with pytest.raises(Exception, match="store_model"):
        loaded(store_model=lambda model: None).manager.check_pending()


@pytest.fixture
def later(distributions: Any, tmp_path: Path) -> Mapping[str, str]:
    """The variables with which a core of tomorrow finds a plugin that uses two old names."""
    wheel = distributions.build("stores", STORES)
    environ: dict[str, str] = distributions.install(tmp_path / "site", [wheel])
    (tmp_path / "site/sitecustomize.py").write_text(
        "from smc_core.plugins import deprecations\n"
        "from smc_core.plugins.deprecations import Renamed\n"
        f"deprecations.RENAMED = ({OLD_HOOK!r}, {OLD_ARGUMENT!r})\n"
    )
    return environ


def test_a_job_with_an_old_plugin_works_and_says_once_what_is_old(
    job: JobFolder, later: Mapping[str, str], install: Callable[..., Mapping[str, str]]
) -> None:
    job.code(train_py="def train():\n    return 'weights'\n")
    ended = job.run("train.py", **{**later, "PYTHONPATH": f"{later['PYTHONPATH']}:{install('blaunch')['PYTHONPATH']}"})
    assert ended.exit_code == 0, ended.stderr
    assert (job.base / "model/stored").read_text() == "weights"
    label = "smc: plugin stores (smc-stores 1.2.3): "
    said = [line.removeprefix(label) for line in ended.stderr.splitlines() if line.startswith(label)]
    assert said == [HOOK_SAID, ARGUMENT_SAID]


def test_the_list_of_plugins_says_what_is_old(job: JobFolder, later: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "smc_core", "plugins", "--json"]
    ended = subprocess.run(command, env=job.environ(**later), capture_output=True, text=True, check=True)
    (found,) = json.loads(ended.stdout)["plugins"]
    assert (found["status"], found["hooks"]) == ("ok", ["save_model"])
    assert found["deprecated"] == [HOOK_SAID, ARGUMENT_SAID]


def test_the_doctor_notes_what_is_old(job: JobFolder, later: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "smc_core", "doctor", "--json"]
    ended = subprocess.run(command, env=job.environ(**later), capture_output=True, text=True, check=False)
    notes = [each["text"] for each in json.loads(ended.stdout) if each["check"] == "plugin" and each["state"] == "note"]
    assert notes == [f"stores 1.2.3: {HOOK_SAID}", f"stores 1.2.3: {ARGUMENT_SAID}"]


def test_an_authors_test_warns_of_what_is_old(tomorrow: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow(OLD_HOOK)
    plugins = loaded(store_model=lambda model: None)
    test = PluginTests()
    monkeypatch.setattr(test, "load", lambda: plugins)
    with pytest.warns(DeprecationWarning, match="write save_model"):
        test.test_what_it_should_no_longer_use_is_a_warning()


def problem(renamed: Renamed, version: str) -> str | None:
    """What is wrong with an entry of the table in a version of the core."""
    hooks = set(HOOKS)
    names = set(inspect.signature(getattr(hookspecs, renamed.hook)).parameters) if renamed.hook in hooks else hooks
    if renamed.argument and renamed.hook not in hooks:
        return "there is no such hook"
    old = renamed.argument or renamed.hook
    if old in names or renamed.new not in names:
        return "old is new, or new is unknown"
    if not Version(renamed.since) <= Version(version) < Version(renamed.removal):
        return "it is due for removal, or its time has not come"
    return None


@pytest.mark.parametrize(
    ("renamed", "version", "is_right"),
    [
        (OLD_HOOK, "0.1.0", True),
        (OLD_ARGUMENT, "0.2.9", True),
        (OLD_ARGUMENT, "0.3.0", False),
        (OLD_HOOK._replace(new="train_model"), "0.2.0", False),
        (OLD_HOOK._replace(hook="train"), "0.2.0", False),
        (OLD_ARGUMENT._replace(argument="model"), "0.2.0", False),
        (OLD_ARGUMENT._replace(new="weights"), "0.2.0", False),
        (OLD_ARGUMENT._replace(hook="store_model"), "0.2.0", False),
    ],
)
def test_an_entry_names_what_there_is_for_as_long_as_it_says(renamed: Renamed, version: str, is_right: bool) -> None:
    assert (problem(renamed, version) is None) is is_right


def test_so_does_every_entry_of_the_table() -> None:
    assert {str(each): problem(each, __version__) for each in deprecations.RENAMED if problem(each, __version__)} == {}
