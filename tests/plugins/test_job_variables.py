"""The variables that plugins add to a job: merged, typed, bounded, and each with its owner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from smc_core.environment import Environment
from smc_core.errors import PluginConflictError, PluginError
from smc_core.hookspecs import hookimpl
from smc_core.plugins import Installed, Plugins, new_manager
from smc_core.provenance import Source
from smc_core.testing import JobFolder
from smc_core.variables import Variable

GIVEN = {"USERS": "own", "EMPTY": "", "PYTHONPATH": "lib"}
ENVIRON = {**GIVEN, "PYTHONPATH": "code:lib", "SM_HOSTS": '["algo-1"]'}


class Answers:
    """A plugin that answers with one thing."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def job_variables(self) -> object:
        return self.answer


class Wraps:
    """A plugin that makes something else of all answers."""

    def __init__(self, change: Callable[[list[Any]], object]) -> None:
        self.change = change

    @hookimpl(wrapper=True)
    def job_variables(self) -> Any:
        found = yield
        return self.change(found)


def added(job: JobFolder, **plugins: object) -> list[Variable]:
    manager = new_manager({})
    for name in sorted(plugins, reverse=True):
        manager.register(plugins[name], name, Installed(name, f"smc-{name}", "1.2.3", name))
    environment = Environment.create(base_dir=str(job.base), environ={})
    return Plugins(manager, []).job_variables(environment, ENVIRON, GIVEN)


def test_all_answers_are_merged_and_each_has_its_owner(job: JobFolder) -> None:
    found = added(job, a=Answers({"X": "1", "SAME": "s"}), b=Answers(None), c=Answers({"B": "2", "SAME": "s"}))
    assert found == [
        Variable("B", "2", Source("plugin", "c")),
        Variable("SAME", "s", Source("plugin", "a")),
        Variable("X", "1", Source("plugin", "a")),
    ]


def test_what_the_user_set_wins_and_an_empty_text_is_not_set(job: JobFolder) -> None:
    found = added(job, a=Answers({"USERS": "1", "EMPTY": "1"}), b=Answers({"USERS": "2"}))
    assert found == [Variable("EMPTY", "1", Source("plugin", "a"))]


def test_two_values_for_one_variable_name_both_plugins(job: JobFolder) -> None:
    with pytest.raises(PluginConflictError) as caught:
        added(job, a=Answers({"X": "1"}), b=Answers({"Y": "1"}), c=Answers({"X": "2"}))
    assert str(caught.value) == (
        "plugins a (smc-a 1.2.3) and c (smc-c 1.2.3) want different values for variable X; "
        "set it yourself, or leave one out: SMC_DISABLE_PLUGINS=c"
    )


def test_a_wrapper_sees_all_answers_and_owns_what_it_adds(job: JobFolder) -> None:
    seen = []

    def change(found: list[Any]) -> object:
        seen.extend(found)
        return [*found, {"Y": "2"}]

    found = added(job, a=Wraps(change), b=Answers({"X": "1"}))
    assert found == [Variable("X", "1", Source("plugin", "b")), Variable("Y", "2", Source("plugin", "a"))]
    assert [dict(each) for each in seen] == [{"X": "1"}]


def test_a_wrapper_cannot_change_what_another_owns(job: JobFolder) -> None:
    with pytest.raises(PluginError, match=r"plugin a \(smc-a 1\.2\.3\), hook job_variables: raised AttributeError"):
        added(job, a=Wraps(lambda found: found[0].__setitem__("X", "2")), b=Answers({"X": "1"}))  # type: ignore[attr-defined]


class Odd(Mapping[str, str]):
    """A mapping that cannot be read."""

    def __getitem__(self, name: str) -> str:
        raise KeyError(name)

    def __iter__(self) -> Any:
        raise RuntimeError("odd")

    def __len__(self) -> int:
        return 1


WRONG: Sequence[tuple[object, str]] = [
    ([("X", "1")], "returned a list instead of a mapping or None"),
    ({1: "x"}, "returned a variable whose name is an int, not text"),
    ({"": "x"}, "returned a variable with the name ''"),
    ({"A=B": "x"}, "returned a variable with the name 'A=B'"),
    ({"X": 1}, "returned variable 'X' whose value is an int, not text"),
    ({"X": None}, "returned variable 'X' whose value is a NoneType, not text"),
    ({"X": "a\0b"}, "returned variable 'X', which has a NUL character in it"),
    ({"X": "\ud800"}, "returned variable 'X', which has a lone surrogate in it"),
    ({"X": "x" * 131070}, "returned variables of 131,073 bytes; at most 131,072 are taken of one plugin"),
    ({f"X{n}": "x" * 1000 for n in range(200)}, "returned variables of "),
    ({"SM_HOSTS": "[]"}, "returned SM_HOSTS, which smc itself sets"),
    ({"PYTHONPATH": "elsewhere"}, "returned PYTHONPATH, which smc itself sets"),
    (Odd(), "raised RuntimeError: odd"),
]


@pytest.mark.parametrize(("answer", "did"), WRONG, ids=[did for _, did in WRONG])
def test_an_answer_that_is_no_variables(answer: object, did: str, job: JobFolder) -> None:
    with pytest.raises(PluginError) as caught:
        added(job, brk=Answers(answer))
    assert str(caught.value).startswith(f"plugin brk (smc-brk 1.2.3), hook job_variables: {did}"[:150])
    assert caught.value.exit_code == 3


def test_a_wrapper_that_makes_a_list_of_something_else(job: JobFolder) -> None:
    for change, did in (
        (lambda found: {"X": "1"}, "returned a dict instead of the list of mappings"),
        (lambda found: [5], "returned an int in the list of mappings"),
        (lambda found: [Odd()], "raised RuntimeError: odd"),
        (lambda found: [{"X": 5}], "returned variable 'X' whose value is an int, not text"),
    ):
        with pytest.raises(PluginError, match=did):
            added(job, a=Wraps(change), b=Answers({"X": "1"}))


NETWORK = """
from smc_core import hookimpl

@hookimpl
def job_variables(environment, environ):
    assert environ["SM_CURRENT_HOST"] == environment.current_host
    return {"LOOM_SOCKET_IFNAME": "lo", "LOOM_DEBUG": "WARN", "LOOM_TOKEN": "s3cr3t"}

@hookimpl
def launch(environment, command):
    if command.environ.get("SMC_LAUNCHER") == "loom":
        return command.with_variables({"LOOM_HOSTS": command.environ["LOOM_SOCKET_IFNAME"]}, "loom")
"""


@pytest.fixture
def network(distributions: Any, job: JobFolder) -> Mapping[str, str]:
    """The variables with which a plugin that adds variables is found."""
    found: Mapping[str, str] = distributions.install(job.base / "site", [distributions.build("network", NETWORK)])
    return found


def smc(job: JobFolder, *arguments: str, **variables: str) -> str:
    command = [sys.executable, "-m", "smc_core", *arguments]
    ended = subprocess.run(command, env=job.environ(**variables), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("mode", ["script", "function"])
def test_the_jobs_process_has_them(mode: str, job: JobFolder, network: Mapping[str, str]) -> None:
    program = "import os\ndef train(): print(os.environ['LOOM_DEBUG'], os.environ['LOOM_SOCKET_IFNAME'])\n"
    job.code(train_py=f"{program}\nif __name__ == '__main__': train()\n" if mode == "script" else program)
    ended = job.run("train.py", LOOM_DEBUG="INFO", **network)
    assert (ended.exit_code, ended.stdout) == (0, "INFO lo\n"), ended.stderr


def test_the_plan_says_whose_each_is(job: JobFolder, network: Mapping[str, str]) -> None:
    job.code(train_py="print()")
    given = {**network, "SAGEMAKER_PROGRAM": "train.py", "LOOM_DEBUG": "INFO", "SMC_LAUNCHER": "loom"}
    shown = json.loads(smc(job, "plan", "--json", **given))["variables"]
    assert shown["LOOM_SOCKET_IFNAME"] == {"value": "lo", "source": "plugin network"}
    assert shown["LOOM_HOSTS"] == {"value": "lo", "source": "launcher loom"}
    assert shown["LOOM_TOKEN"]["value"] != "s3cr3t"
    assert "LOOM_DEBUG" not in shown
    assert "  LOOM_SOCKET_IFNAME=lo  (plugin network)\n" in smc(job, "plan", **given)


def test_why_says_whose_one_is(job: JobFolder, network: Mapping[str, str]) -> None:
    for name, value, source in (
        ("LOOM_SOCKET_IFNAME", "lo", "plugin network"),
        ("LOOM_DEBUG", "INFO", "variable that this process was given"),
    ):
        answer = json.loads(smc(job, "why", name, "--json", LOOM_DEBUG="INFO", **network))
        assert (answer["value"], answer["source"]) == (value, source)
    assert "s3cr3t" not in smc(job, "why", "LOOM_TOKEN", **network)
    assert os.environ.get("LOOM_DEBUG") is None
