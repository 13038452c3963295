"""``SMC_TRACE_HOOKS``: what runs in a call of a hook, in what order, for how long, and how it ended."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest

from smc_core import __version__
from smc_core.errors import ConfigurationError, PluginError
from smc_core.hookspecs import TrainResult, hookimpl
from smc_core.plugins import Installed, Plugins, new_manager
from smc_core.testing import JobFolder

Install = Callable[..., Mapping[str, str]]


class Answers:
    """Answers ``train`` with one thing, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def train(self) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Wraps:
    """Wraps ``train``, and returns what its yield gave or something else."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer

    @hookimpl(wrapper=True)
    def train(self) -> Any:
        found = yield
        return self.answer or found


class Variables:
    @hookimpl
    def job_variables(self) -> Mapping[str, str]:
        return {"LOOM_TOKEN": "a-secret", "LOOM_HOSTS": "2"}


def plugins(form: str = "1", **plugins: object) -> Plugins:
    manager = new_manager({"SMC_TRACE_HOOKS": form})
    for name in sorted(plugins, reverse=True):
        manager.register(plugins[name], name, Installed(name, f"smc-{name}", "1.2.3", name))
    return Plugins(manager, [])


def train(found: Plugins) -> Any:
    return found.hook.train(environment=None, module=ModuleType("job"))


def lines(text: str) -> list[str]:
    """The lines of a trace, without what differs each time."""
    assert all(line.startswith("smc: [") for line in text.splitlines())
    return [re.sub(r"\d+\.\d m?s$", "TIME", line.partition("] ")[2]) for line in text.splitlines()]


def test_each_piece_of_code_has_a_line_below_what_is_around_it(capfd: pytest.CaptureFixture[str]) -> None:
    result = TrainResult(object())
    assert train(plugins(a=Answers(result), b=Answers(None), c=Wraps(), d=Wraps(TrainResult(1)))) is not result
    assert lines(capfd.readouterr().err) == [
        "hook train",
        "  c (smc-c 1.2.3), wrapper, before its yield: yielded, TIME",
        "    d (smc-d 1.2.3), wrapper, before its yield: yielded, TIME",
        "      a (smc-a 1.2.3): answered TrainResult, TIME",
        "    d (smc-d 1.2.3), wrapper, after its yield: answered TrainResult, TIME",
        "  c (smc-c 1.2.3), wrapper, after its yield: passed on TrainResult, TIME",
        "hook train: answered TrainResult, TIME",
    ]


def test_whoever_has_no_answer_is_shown_too(capfd: pytest.CaptureFixture[str]) -> None:
    found = plugins(a=Answers(None))
    assert found.hook.save_model(environment=None, module=ModuleType("job"), model=3) is None
    assert lines(capfd.readouterr().err) == [
        "hook save_model",
        "  user: answered None, TIME",
        f"  builtin (smc-core {__version__}): answered None, TIME",
        "hook save_model: answered None, TIME",
    ]


def test_an_exception_is_shown_where_it_passes(capfd: pytest.CaptureFixture[str]) -> None:
    found = plugins(a=Answers(ValueError("a-secret")), b=Wraps())
    for _ in range(2):  # the second call is as deep as the first
        with pytest.raises(PluginError, match="plugin a "):
            train(found)
        assert lines(capfd.readouterr().err) == [
            "hook train",
            "  b (smc-b 1.2.3), wrapper, before its yield: yielded, TIME",
            "    a (smc-a 1.2.3): raised ValueError, TIME",
            "  b (smc-b 1.2.3), wrapper, after its yield: raised ValueError, TIME",
            "hook train: raised PluginError, TIME",
        ]


def test_an_iteration_that_ends_passes_wrappers_as_without_it(job: JobFolder) -> None:
    """A generator, such as a wrapper, cannot raise a StopIteration as it is."""
    module = ModuleType("job")
    module.train = lambda: next(iter([]))  # type: ignore[attr-defined]
    found = plugins(a=Wraps(), b=Wraps())
    with pytest.raises(StopIteration):
        found.hook.train(environment=found.create_environment(str(job.base)), module=module)


def test_of_variables_it_prints_the_names_alone(capfd: pytest.CaptureFixture[str]) -> None:
    plugins(a=Variables()).hook.job_variables(environment=None, environ={})
    assert lines(capfd.readouterr().err)[1:] == [
        "  a (smc-a 1.2.3): answered LOOM_HOSTS, LOOM_TOKEN, TIME",
        "hook job_variables: answered 1 answer, TIME",
    ]


def test_a_program_reads_it_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    train(plugins("json", a=Answers(TrainResult()), b=Wraps()))
    records = [json.loads(line.removeprefix("smc: ")) for line in capfd.readouterr().err.splitlines()]
    assert [(each["event"], each["depth"], each.get("outcome")) for each in records] == [
        ("begin", 0, None),
        ("before", 1, "yielded"),
        ("answer", 2, "answered"),
        ("after", 1, "passed on"),
        ("end", 0, "answered"),
    ]
    of_plugin = {name: records[2][name] for name in ("hook", "plugin", "distribution", "version", "wrapper", "what")}
    assert list(of_plugin.values()) == ["train", "a", "smc-a", "1.2.3", False, "TrainResult"]
    assert records[1]["wrapper"] is True
    assert all(each["seconds"] >= 0 for each in records[1:])


@pytest.mark.parametrize(("text", "error"), [("maybe", True), ("0", False), ("", False)])
def test_it_is_one_of_three_words(text: str, error: bool) -> None:
    if error:
        with pytest.raises(ConfigurationError, match="SMC_TRACE_HOOKS is 'maybe', not one of 0, 1, json"):
            new_manager({"SMC_TRACE_HOOKS": text})
    else:
        assert type(new_manager({"SMC_TRACE_HOOKS": text}).calls).__name__ == "Calls"


def test_without_it_nothing_of_it_is_imported() -> None:
    script = "import sys; from smc_core.plugins import new_manager; new_manager({}); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "smc_core.plugins.calls" in ended.stdout.split()
    assert "smc_core.plugins.trace" not in ended.stdout.split()


def test_every_process_that_calls_hooks_prints_it(job: JobFolder, install: Install) -> None:
    job.code(train_py="def train(epochs: int):\n    return 'm' * epochs\n").hyperparameters(epochs=3)
    ended = job.run(
        "train.py", SMC_TRACE_HOOKS="1", SMC_LAUNCHER="blaunch", **install("timing", "textmodel", "blaunch")
    )
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == "timing: before\ntiming: after mmm\n"
    traced = re.findall(r"^smc: \[(\d+)\] ( *)(.*?)(?:: | \d|$)", ended.stderr, re.MULTILINE)
    hooks = [name for _, indent, name in traced if not indent]
    assert list(dict.fromkeys(hooks)) == [
        "hook create_environment",
        "hook job_variables",
        "hook launch",
        "hook load_user_module",
        "hook train",
        "hook save_model",
    ]
    assert hooks.count("hook create_environment") == 4  # begun and ended: to prepare, and in the worker
    assert "] " + "  textmodel (smc-textmodel 1.2.3): answered str, " in ended.stderr


def test_a_failure_file_holds_no_line_of_it(job: JobFolder, install: Install) -> None:
    job.code(train_py="import sys\ndef train():\n    print('last words', file=sys.stderr)\n    sys.exit(7)\n")
    ended = job.run("train.py", SMC_TRACE_HOOKS="json", **install("timing"))
    assert ended.exit_code == 7
    assert '"what": "SystemExit"' in ended.stderr
    assert '"hook"' not in (ended.failure or "")


def test_what_a_failing_job_reports_is_the_same_with_it(job: JobFolder, install: Install) -> None:
    environ = install("timing")
    job.code(train_py="def train():\n    raise ValueError('bad batch')\n")
    plain, traced = [job.run("train.py", SMC_TRACE_HOOKS=form, **environ) for form in ("0", "1")]
    assert traced.failure == plain.failure
    assert (plain.failure or "").startswith("ValueError: bad batch (train.py:2, in train)")


def test_a_job_without_plugins_shows_the_cores_own_answers(job: JobFolder) -> None:
    ended = job.code(train_py="print('trained')").run("train.py", SMC_TRACE_HOOKS="1")
    assert (ended.exit_code, ended.stdout) == (0, "trained\n"), ended.stderr
    assert re.search(r"^smc: \[\d+\]   builtin \(smc-core .*\): answered Environment, ", ended.stderr, re.MULTILINE)
