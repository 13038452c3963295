"""Whatever a plugin does wrong is reported as the plugin's, and what the user's code does stays the user's.

The plugins are modules on disk, called as a job calls them, in this process; ``test_broken_plugins.py`` has real jobs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from smc_core import __version__, hookimpl
from smc_core.command import Command
from smc_core.environment import Environment
from smc_core.errors import (
    CodeError,
    ConfigurationError,
    PluginError,
    PluginLoadError,
    PluginVersionError,
    SmcError,
    UserCodeError,
)
from smc_core.metadata import version
from smc_core.plugins import HOOKS, Installed, Plugins, new_manager, register, requires
from smc_core.plugins.faults import LINE
from smc_core.testing import JobFolder

Load = Callable[..., Plugins]
Users = Callable[[str], ModuleType]

HEAD = """
import contextlib, errno, os, signal, sys, types
from smc_core import Environment, TrainResult, hookimpl
from smc_core.errors import CodeError, ConfigurationError, UserCodeError

def write(environment):
    open(environment.model_dir + "/written", "w").close()
    return environment.model_dir + "/written"

class Licence(BaseException): ...
class World(Environment):
    world_size: int
"""
ARGUMENTS = {
    "create_environment": "base_dir",
    "job_variables": "environment, environ",
    "launch": "environment, command",
    "load_user_module": "environment",
    "train": "environment, module",
    "save_model": "environment, model",
    "keep_model": "environment, model, path",
}
KINDS = {
    "create_environment": "an Environment",
    "job_variables": "a mapping",
    "launch": "a Command",
    "load_user_module": "a module",
    "train": "a TrainResult",
    "save_model": "a path",
    "keep_model": "a path",
}
GIVEN = {"USERS": "own", "EMPTY": ""}
"""What the container was given."""
PLAIN = {
    "raises": ("raise RuntimeError('no licence')", "raised RuntimeError: no licence"),
    "asserts": ("assert 1 == 2", "raised AssertionError"),
    "exits with success": ("sys.exit(0)", "raised SystemExit(0)"),
    "exits without a code": ("raise SystemExit", "raised SystemExit(None)"),
    "exits with words": ("sys.exit('no licence')", "raised SystemExit('no licence')"),
    "interrupts itself": ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    "raises what is no Exception": ("raise Licence('none')", "raised Licence: none"),
    "stops iteration": ("raise StopIteration(5)", "raised StopIteration: 5"),
    "reads a file that is not there": ("open('/nonexistent/x')", "raised FileNotFoundError: "),
    "fails in a library": ("import json; json.loads('{')", "raised JSONDecodeError: "),
    "gives the wrong thing": ("return 42", "returned an int instead of {kind} or None"),
}
WRAPPER = {
    "raises before": ("raise RuntimeError('no licence')\n    yield", "raised RuntimeError: no licence"),
    "exits before": ("sys.exit(0)\n    yield", "raised SystemExit(0)"),
    "raises after": ("yield\n    raise RuntimeError('no licence')", "raised RuntimeError: no licence"),
    "exits after": ("yield\n    sys.exit(0)", "raised SystemExit(0)"),
    "never yields": ("if False: yield", "is a wrapper, and returned before it came to its yield"),
    "yields twice": ("result = yield\n    yield result\n    return result", "is a wrapper, and yields more than once"),
    "yields on and on": (
        "for _ in range(3):\n        with contextlib.suppress(GeneratorExit): yield",
        "is a wrapper, and yields more than once",
    ),
    "gives the wrong thing": ("yield\n    return 42", "returned an int instead of "),
    "forgets to return": ("yield", "returned None instead of "),
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads plugins by name, each with the body of its one module: ``load(brk="...")``."""

    def load_plugins(**bodies: str) -> Plugins:
        manager = new_manager({})
        for name in sorted(bodies, reverse=True):
            register(manager, installed(name, HEAD + bodies[name]))
        return Plugins(manager, [])

    def installed(name: str, text: str) -> Installed:
        path = tmp_path / "site" / f"smc_{name}" / "plugin.py"
        path.parent.mkdir(parents=True)
        path.write_text(text)

        def import_it() -> ModuleType:
            spec = importlib.util.spec_from_file_location(f"smc_{name}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, f"smc_{name}", module)
            spec.loader.exec_module(module)
            return module

        return plugin_that_is(import_it, name)

    return load_plugins


def plugin_that_is(bring: Callable[[], object], name: str = "brk", requires: tuple[str, ...] = ()) -> Installed:
    """An installed plugin that is imported by calling a function."""

    class Given(Installed):
        def _import(self) -> object:
            return bring()

    return Given(name, f"smc-{name}", "1.2.3", f"smc_{name}", requires=requires)


def hook(name: str, body: str, *, wrapper: bool = False) -> str:
    mark = "@hookimpl(wrapper=True)" if wrapper else "@hookimpl"
    return f"{mark}\ndef {name}({ARGUMENTS[name]}):\n    {body}\n"


def run_hook(name: str, plugins: Plugins, job: JobFolder) -> Any:
    """Call one hook as a job does."""
    if name == "create_environment":
        return plugins.create_environment(str(job.base))
    environment = Environment.create(base_dir=str(job.base), environ={"SAGEMAKER_PROGRAM": "digits_of_a_job.py"})
    if name == "job_variables":
        return plugins.job_variables(environment, {"SM_HOSTS": "[]", **GIVEN}, GIVEN)
    if name == "launch":
        return plugins.launch(environment, Command((sys.executable, "x"), {}, "/", "script"))
    module = users_module(job, "def train(): return 'model'")
    if name == "load_user_module":
        return plugins.hook.load_user_module(environment=environment)
    if name == "train":
        return plugins.hook.train(environment=environment, module=module)
    if name == "keep_model":
        return plugins.hook.keep_model(environment=environment, model="model", path=str(job.base / "output/data/kept"))
    return plugins.save_model(environment, module, "model")


@pytest.fixture
def users(job: JobFolder) -> Users:
    """The user's module, from the code folder of the job."""
    return lambda text: users_module(job, text)


def users_module(job: JobFolder, text: str) -> ModuleType:
    path = job.base / "code/digits_of_a_job.py"
    path.write_text(textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location("digits_of_a_job", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_told(error: BaseException, name: str, did: str) -> None:
    """One line, that fits into the first of a failure file, with all that there is to know."""
    text = str(error)
    assert text.startswith(f"plugin brk (smc-brk 1.2.3), {name}: ")
    assert did in text
    assert text.endswith("; fix or remove smc-brk, or set SMC_DISABLE_PLUGINS=brk")
    assert "\n" not in text
    assert len(f"PluginVersionError: {text}") <= LINE + 1
    assert isinstance(error, SmcError)
    assert error.exit_code == 3


@pytest.mark.parametrize("fault", PLAIN)
@pytest.mark.parametrize("name", HOOKS)
def test_an_answer_that_breaks_the_contract(name: str, fault: str, load: Load, job: JobFolder) -> None:
    body, did = PLAIN[fault]
    with pytest.raises(PluginError) as caught:
        run_hook(name, load(brk=hook(name, body)), job)
    is_told(caught.value, f"hook {name}", did.format(kind=KINDS[name]))


@pytest.fixture
def imports(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forgets what the core imports from the job's code."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield
    sys.modules.pop("digits_of_a_job", None)


@pytest.mark.usefixtures("imports")
@pytest.mark.parametrize("fault", WRAPPER)
@pytest.mark.parametrize("name", HOOKS)
def test_a_wrapper_that_breaks_the_contract(name: str, fault: str, load: Load, job: JobFolder) -> None:
    job.code_files({"digits_of_a_job.py": ""})
    body, did = WRAPPER[fault]
    plugins = load(brk=hook(name, body, wrapper=True), saver=hook("save_model", "return write(environment)"))
    with pytest.raises(PluginError) as caught:
        run_hook(name, plugins, job)
    is_told(caught.value, f"hook {name}", did)


LEAVES = {
    "at once": "os._exit(0)",
    "with another code": "os._exit(7)",
    "by a reference": "from os import _exit; _exit(0)",
    "in a library": "import functools; functools.reduce(lambda a, b: os._exit(0), [1, 2])",
    "in code made from a text": "exec('os._exit(0)')",
    "and swallows it": "with contextlib.suppress(BaseException): os._exit(0)",
    "in a thread": "import threading; t = threading.Thread(target=lambda: os._exit(0)); t.start(); t.join()",
    "before its yield": "os._exit(0)\n    yield",
    "after its yield": "yield\n    os._exit(0)",
}


@pytest.mark.usefixtures("imports")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # pytest's own hook counts SystemExit
@pytest.mark.parametrize("how", LEAVES)
@pytest.mark.parametrize("name", HOOKS)
def test_no_plugin_leaves_without_a_word(name: str, how: str, load: Load, job: JobFolder) -> None:
    job.code_files({"digits_of_a_job.py": ""})
    leave, body = os._exit, LEAVES[how]
    plugins = load(brk=hook(name, body, wrapper="yield" in body), saver=hook("save_model", "return write(environment)"))
    with pytest.raises(PluginError) as caught:
        run_hook(name, plugins, job)
    is_told(caught.value, f"hook {name}", f"raised os._exit({7 if '7' in body else 0})")
    assert os._exit is leave
    assert caught.value.__cause__ is not None
    trace = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert how == "in a thread" or trace[0].filename.endswith("smc_brk/plugin.py")
    assert not any(step.filename.endswith("leaving.py") for step in trace)


def test_a_plugin_that_leaves_while_it_is_called_by_the_users_code(load: Load, job: JobFolder, users: Users) -> None:
    plugins = load(brk=hook("train", "return (yield)", wrapper=True) + "def leave(): os._exit(0)\n")
    module = users("import contextlib\ndef train():\n  with contextlib.suppress(BaseException):\n    train.leave()")
    module.train.leave = sys.modules["smc_brk"].leave
    with pytest.raises(PluginError) as caught:
        plugins.hook.train(environment=plugins.create_environment(str(job.base)), module=module)
    is_told(caught.value, "hook train", "raised os._exit(0)")


def left_with(run: Callable[[], object]) -> int:
    """The exit code of a process that is forked to run something; 99 where it comes back."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            run()
        os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.usefixtures("imports")
@pytest.mark.parametrize(
    "how",
    ["os._exit(7)", "exec('os._exit(7)')", "import functools; functools.reduce(lambda a, b: os._exit(7), [1, 2])"],
)
@pytest.mark.parametrize("name", ["load_user_module", "train", "save_model", "keep_model"])
def test_the_users_own_code_may_leave(name: str, how: str, load: Load, job: JobFolder, users: Users) -> None:
    module = users(f"import os\ndef train(): {how}\nclass Model:\n    def save(self, *_): {how}")
    job.code_files({"user_of_a_job.py": f"import os\n{how}"})
    calls = "" if name in ("load_user_module", "train") else hook(name, "return model.save()")
    plugins = load(brk=hook(name, "return (yield)", wrapper=True), calls=calls)
    environment = Environment.create(base_dir=str(job.base), environ={"SAGEMAKER_PROGRAM": "user_of_a_job.py"})
    arguments = {"environment": environment, "module": module, "model": module.Model(), "path": str(job.base / "kept")}
    asked = {each.strip(): arguments[each.strip()] for each in ARGUMENTS[name].split(",")}
    asked |= {"module": module} if name == "save_model" else {}
    assert left_with(lambda: plugins.hook.call(name, **asked)) == 7


def test_a_process_that_a_plugin_forks_and_a_handler_of_a_stop_may_leave(load: Load, job: JobFolder) -> None:
    forks = "pid = os.fork()\n    if not pid: os._exit(0)\n    os.waitpid(pid, 0)\n    return (yield)"
    assert run_hook("train", load(brk=hook("train", forks, wrapper=True)), job).model == "model"
    stops = "signal.signal(signal.SIGTERM, lambda *_: os._exit(5)); os.kill(os.getpid(), signal.SIGTERM)\n    yield"
    plugins = load(stop=hook("train", stops, wrapper=True))
    assert left_with(lambda: run_hook("train", plugins, job)) == 5


def test_a_reference_that_is_kept_leaves_when_the_hook_is_over(load: Load, job: JobFolder) -> None:
    plugins = load(brk="kept = []\n" + hook("train", "kept.append(os._exit)\n    return (yield)", wrapper=True))
    run_hook("train", plugins, job)
    assert left_with(lambda: sys.modules["smc_brk"].kept[0](6)) == 6


USERS = {
    "an error": ("raise ValueError('bad batch')", ValueError),
    "a success": ("import sys; sys.exit(0)", SystemExit),
    "an exit": ("import sys; sys.exit(7)", SystemExit),
    "an interrupt": ("raise KeyboardInterrupt", KeyboardInterrupt),
    "a class of its own": ("raise type('Own', (BaseException,), {})('x')", BaseException),
    "an error in a library": ("import json; json.loads('{')", ValueError),
    "an error of smc": ("from smc_core.errors import CodeError; raise CodeError('no')", CodeError),
}
WRAPPED = {
    "passes it": "return (yield)",
    "cleans up": "try:\n        return (yield)\n    finally:\n        sys.stdout.write('')",
    "raises it again": "try:\n        return (yield)\n    except BaseException:\n        raise",
    "swallows it": "try:\n        return (yield)\n    except BaseException:\n        return TrainResult(None)",
    "returns at last": "try:\n        yield\n    finally:\n        return TrainResult(None)",
    "fails over it": "try:\n        return (yield)\n    except BaseException:\n        raise RuntimeError('cleaning up')",
    "exits over it": "try:\n        return (yield)\n    except BaseException:\n        sys.exit(0)",
    "yields over it": "try:\n        return (yield)\n    except BaseException:\n        yield",
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("fault", USERS)
def test_what_the_user_raises_stays_the_users(
    fault: str, wrapped: str, load: Load, job: JobFolder, users: Users, capfd: pytest.CaptureFixture[str]
) -> None:
    raised, kind = USERS[fault]
    module = users(f"def train(): {raised}")
    plugins = load(
        brk=hook("train", WRAPPED[wrapped], wrapper=True), other=hook("train", "return (yield)", wrapper=True)
    )
    environment = plugins.create_environment(str(job.base))
    with pytest.raises(kind) as caught:
        plugins.hook.train(environment=environment, module=module)
    assert not isinstance(caught.value, PluginError)
    assert module.__file__ in {str(step.path) for step in caught.traceback}
    said = capfd.readouterr().err
    if wrapped in ("passes it", "cleans up", "raises it again"):
        assert said == ""
    else:
        assert said.startswith("smc: plugin brk (smc-brk 1.2.3), hook train was given ")
        assert said.endswith("stays the cause\n")


def test_a_stop_iteration_of_the_users_is_not_the_plugins(load: Load, job: JobFolder, users: Users) -> None:
    plugins = load(brk=hook("train", "return (yield)", wrapper=True))
    with pytest.raises(StopIteration) as caught:
        plugins.hook.train(
            environment=plugins.create_environment(str(job.base)), module=users("def train(): next(iter(()))")
        )
    assert caught.traceback[-1].name == "train"


def test_code_of_the_users_that_a_plugin_calls(load: Load, job: JobFolder, users: Users) -> None:
    module = users("def train(): pass\nclass Layer:\n    def get_config(self): raise NotImplementedError('Layer')")
    plugins = load(brk=hook("save_model", "return model.get_config()"))
    environment = plugins.create_environment(str(job.base))
    with pytest.raises(NotImplementedError):
        plugins.save_model(environment, module, module.Layer())


@pytest.mark.parametrize("wrapper", [False, True])
@pytest.mark.parametrize("kind", [ConfigurationError, CodeError, UserCodeError])
def test_an_error_that_is_raised_on_purpose_is_kept(
    kind: type[SmcError], wrapper: bool, load: Load, job: JobFolder
) -> None:
    body = f"raise {kind.__name__}('chosen')" + ("\n    yield" if wrapper else "")
    with pytest.raises(kind, match="chosen") as caught:
        run_hook("launch", load(brk=hook("launch", body, wrapper=wrapper)), job)
    assert type(caught.value) is kind


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_disk_that_fails_is_not_the_plugins_fault(code: str, load: Load, job: JobFolder) -> None:
    with pytest.raises(OSError, match="model"):
        run_hook("save_model", load(brk=hook("save_model", f"raise OSError(errno.{code}, 'model')")), job)


@pytest.mark.parametrize("inner", ["train", "save_model"])
def test_the_plugin_that_failed_first_is_named(inner: str, load: Load, job: JobFolder) -> None:
    wrapper = "try:\n        return (yield)\n    except BaseException as error:\n        error.args = ('explained',)\n        raise"
    plugins = load(a=hook(inner, wrapper, wrapper=True), brk=hook(inner, "raise RuntimeError('gloo')"))
    with pytest.raises(PluginError) as caught:
        run_hook(inner, plugins, job)
    is_told(caught.value, f"hook {inner}", "raised RuntimeError: explained")
    assert caught.value.__cause__ is not None
    trace = caught.value.__cause__.__traceback__
    assert trace is not None
    assert trace.tb_frame.f_code.co_filename.endswith("smc_brk/plugin.py")


@pytest.mark.parametrize(
    "wrapped", ["swallows it", "returns at last", "fails over it", "exits over it", "yields over it"]
)
def test_a_plugin_that_failed_is_named_whatever_a_wrapper_does(wrapped: str, load: Load, job: JobFolder) -> None:
    plugins = load(a=hook("train", WRAPPED[wrapped], wrapper=True), brk=hook("train", "raise RuntimeError('gloo')"))
    with pytest.raises(PluginError) as caught:
        run_hook("train", plugins, job)
    is_told(caught.value, "hook train", "raised RuntimeError: gloo")


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGINT, ""),
        (signal.SIGTERM, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "),
        (signal.SIGUSR1, "signal.signal(signal.SIGUSR1, lambda *_: 1 / 0); "),
    ],
)
def test_a_stop_stays_a_stop(number: int, how: str, load: Load, job: JobFolder) -> None:
    before = signal.getsignal(number)
    body = f"{how}os.kill(os.getpid(), {int(number)}); [None for _ in range(10000)]"
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit, ZeroDivisionError)):
            run_hook("launch", load(brk=hook("launch", body)), job)
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("", "TypeError: World() is missing world_size"),
        ("world_size='many'", "ValidationError: World: world_size: Input should be a valid integer"),
        ("world_size=1, colour='red'", "TypeError: World has no field 'colour'"),
        ("world_size=1, job_name=5", "ValidationError: World: job_name: Input should be a valid string"),
        ("world_size=1, current_host='algo-9'", "ValueError: current_host 'algo-9' is not one of the hosts"),
    ],
)
def test_a_field_that_an_extension_gets_wrong_is_named(fields: str, said: str, load: Load, job: JobFolder) -> None:
    body = f"return (yield).extend(World, {fields})"
    with pytest.raises(PluginError) as caught:
        run_hook("create_environment", load(brk=hook("create_environment", body, wrapper=True)), job)
    assert f"hook create_environment: raised {said[:50]}" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "did"),
    [
        ("command._replace(argv=())", "returned a Command whose argv is ()"),
        ("command._replace(argv=('python', 8))", "returned a Command whose argv[1] is an int, not text"),
        ("command._replace(environ={'A': None})", "returned a Command whose environ['A'] is a NoneType, not text"),
        ("command._replace(environ=[])", "returned a Command whose environ is a list, not a mapping"),
        ("command._replace(cwd=None)", "returned a Command whose cwd is a NoneType"),
        ("command._replace(argv=('a\\0b',))", "returned a Command whose argv[0] has a NUL character"),
        ("command", "returned a Command without a launcher; return None where the job does not ask for yours"),
        ("command._replace(launcher='l', signals='all')", "returned a Command whose signals is 'all', not 'process'"),
    ],
)
@pytest.mark.parametrize("wrapper", [False, True])
def test_a_command_that_cannot_be_executed(answer: str, did: str, wrapper: bool, load: Load, job: JobFolder) -> None:
    body = f"yield; return [{answer}]" if wrapper else f"return {answer}"
    with pytest.raises(PluginError) as caught:
        run_hook("launch", load(brk=hook("launch", body, wrapper=wrapper)), job)
    assert f"hook launch: {did}"[:60] in str(caught.value)


def test_two_launchers_are_named_with_what_decides(load: Load, job: JobFolder) -> None:
    wrap = "return command.with_variables({{}}, '{}')"
    plugins = load(
        a=hook("launch", wrap.format("loom")), b=hook("launch", wrap.format("mill")), c=hook("launch", "return None")
    )
    with pytest.raises(PluginError) as caught:
        run_hook("launch", plugins, job)
    assert str(caught.value) == (
        "plugins a (smc-a 1.2.3) and b (smc-b 1.2.3) both launch this job; choose one by SMC_LAUNCHER=loom or "
        "SMC_LAUNCHER=mill, or leave one out: SMC_DISABLE_PLUGINS=b"
    )


class TestNoModelIsLost:
    """Whatever plugins do, a job whose train() returned a model does not end well without one."""

    def test_a_wrapper_of_train_cannot_drop_it(self, load: Load, job: JobFolder) -> None:
        body = "yield\n    return TrainResult(None)"
        with pytest.raises(PluginError) as caught:
            run_hook("train", load(brk=hook("train", body, wrapper=True)), job)
        is_told(caught.value, "hook train", "lost the model, a str: it returned a TrainResult without one")

    def test_a_wrapper_may_replace_it(self, load: Load, job: JobFolder) -> None:
        plugins = load(brk=hook("train", "return TrainResult([(yield).model])", wrapper=True))
        assert run_hook("train", plugins, job).model == ["model"]

    def test_a_path_is_where_something_is(self, load: Load, job: JobFolder) -> None:
        with pytest.raises(PluginError) as caught:
            run_hook("save_model", load(brk=hook("save_model", "return '/opt/none'")), job)
        is_told(
            caught.value, "hook save_model", "returned /opt/none as the path of the saved model, and nothing is there"
        )

    def test_a_wrapper_of_save_model_cannot_make_one_up(self, load: Load, job: JobFolder) -> None:
        plugins = load(brk=hook("save_model", "yield; return '/opt/none'", wrapper=True))
        with pytest.raises(PluginError) as caught:
            run_hook("save_model", plugins, job)
        is_told(caught.value, "hook save_model", "returned /opt/none")

    def test_a_path_object_and_an_address_will_do(self, load: Load, job: JobFolder) -> None:
        body = "import pathlib; return pathlib.Path(write(environment))"
        assert run_hook("save_model", load(brk=hook("save_model", body)), job) == str(job.base / "model/written")
        assert run_hook("save_model", load(two=hook("save_model", "return 's3://b/m'")), job) == "s3://b/m"


IMPORTS = {
    "raises": ("raise RuntimeError('no licence')", "raised RuntimeError: no licence"),
    "exits with success": ("sys.exit(0)", "raised SystemExit(0)"),
    "exits with words": ("sys.exit('no licence')", "raised SystemExit('no licence')"),
    "leaves at once": ("import os\nos._exit(0)", "raised os._exit(0)"),
    "is no Python": ("def f(:", "raised SyntaxError: "),
    "is badly indented": ("  x = 1\n y", "raised IndentationError: "),
    "imports what is not there": ("import a_framework", "raised ModuleNotFoundError: No module named 'a_framework'"),
    "imports a name that is not there": ("from os import no", "raised ImportError: cannot import name 'no'"),
    "has no such name": ("os.no", "raised AttributeError: "),
    "interrupts itself": ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    "recurses": ("def f(): f()\nf()", "raised RecursionError: "),
    "raises what cannot be printed": (
        "class E(Exception):\n    def __str__(self): return 1\nraise E",
        "raised E: <str() of the exception failed>",
    ),
    "raises what exits when it is printed": (
        "class E(Exception):\n    def __str__(self): sys.exit(0)\nraise E",
        "raised E: <str() of the exception failed>",
    ),
    "raises when it is asked for its lists": (
        "def __getattr__(name):\n    raise RuntimeError('no licence')",
        "raised RuntimeError: no licence",
    ),
    "exits when it is asked for its lists": ("def __getattr__(name):\n    sys.exit(0)", "raised SystemExit(0)"),
}


@pytest.mark.parametrize("fault", IMPORTS)
def test_a_plugin_that_cannot_be_imported(fault: str, load: Load) -> None:
    body, did = IMPORTS[fault]
    with pytest.raises(PluginLoadError) as caught:
        load(brk=body)
    is_told(caught.value, "import", did)


def test_a_long_message_leaves_room_for_what_to_do(load: Load) -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(brk="raise RuntimeError('no licence ' * 99)")
    is_told(caught.value, "import", "raised RuntimeError: no licence no licence")
    assert "…" in str(caught.value)


FORMS = {
    "an unknown hook": (
        "@hookimpl\ndef save_modell(model): ...",
        "import: there is no hook 'save_modell'; the nearest is",
    ),
    "an unknown argument": (
        "@hookimpl\ndef save_model(mdoel): ...",
        "hook save_model: asks for 'mdoel', not one of environment, module, model",
    ),
    "another name for a hook": (
        "@hookimpl(specname='launch')\ndef start(commnd): ...",
        "hook launch: asks for 'commnd', not one of environment, command",
    ),
    "no yield": (
        "@hookimpl(wrapper=True)\ndef train(): return 1",
        "hook train: is marked as a wrapper, and has no yield",
    ),
    "no mark": ("@hookimpl\ndef train(): yield", "hook train: has a yield, and is not marked as a wrapper"),
    "a framework that is none": (
        "FRAMEWORK = ('smc-brk', 'x')",
        "import: its FRAMEWORK is ('smc-brk', 'x'), not a Framework",
    ),
    "a framework without a package": (
        "from smc_core.kit import Framework\nFRAMEWORK = Framework('smc-loom')",
        "import: its FRAMEWORK has the package 'smc-loom', not the name of one",
    ),
    "a framework that nobody needs": (
        "from smc_core.kit import Framework\nFRAMEWORK = Framework('loom', ('ever',))",
        "import: its FRAMEWORK has needed=('ever',), not a tuple of some",
    ),
    "a framework with a word in place of a tuple": (
        "from smc_core.kit import Framework\nFRAMEWORK = Framework('loom', 'used')",
        "import: its FRAMEWORK has needed='used', not a tuple of some",
    ),
    "a framework of no extra": (
        "from smc_core.kit import Framework\nFRAMEWORK = Framework('loom', extra='')",
        "import: its FRAMEWORK has the extra '', not the name of one",
    ),
    "settings that are no list": ("SETTINGS = 5", "import: its SETTINGS is an int, not a list"),
    "a name in place of a list": ("HYPERPARAMETERS = 'seed'", "import: its HYPERPARAMETERS is a str, not a list"),
    "async": ("@hookimpl\nasync def train(): ...", "hook train: is an async function, which nobody awaits"),
    "the old form": ("@hookimpl(hookwrapper=True)\ndef train(): yield", "hook train: is marked hookwrapper=True"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_function_of_a_wrong_form(form: str, load: Load) -> None:
    body, said = FORMS[form]
    with pytest.raises(PluginLoadError) as caught:
        load(brk=body)
    assert str(caught.value).startswith(f"plugin brk (smc-brk 1.2.3), {said}")
    assert "…" not in str(caught.value)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (None, "import: smc_brk is None, not a plugin"),
        (type("Hooks", (), {"train": hookimpl(lambda self, module: None)}), "hook train: the entry point is a class"),
    ],
)
def test_an_entry_point_that_is_no_plugin(thing: object, said: str) -> None:
    with pytest.raises(PluginLoadError) as caught:
        register(new_manager({}), plugin_that_is(lambda: thing))
    assert str(caught.value).startswith(f"plugin brk (smc-brk 1.2.3), {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "smc-core>=9",
            f"requires smc-core>=9, and {__version__} is installed; pip install 'smc-core>=9' or another smc-brk",
        ),
        ("smc_core (<0.1)", f"requires smc_core<0.1, and {__version__} is installed"),
        ("pluggy<1", f"requires pluggy<1, and {version('pluggy')} is installed; pip install 'pluggy<1'"),
        ("smc-absent>=2", "requires smc-absent>=2, and it is not installed; pip install 'smc-absent>=2'"),
        ("smc-absent; python_version>='3' or extra=='x'", "requires smc-absent, and it is not installed"),
        ("pluggy===1", "requires pluggy===1, and "),
    ],
)
def test_what_a_plugin_requires_is_there_before_it_is_imported(text: str, said: str) -> None:
    plugin = plugin_that_is(lambda: pytest.fail("imported"), requires=(text,))
    with pytest.raises(PluginVersionError) as caught:
        plugin.load()
    assert str(caught.value).startswith(f"plugin brk (smc-brk 1.2.3), import: {said}")
    assert str(caught.value).endswith("or set SMC_DISABLE_PLUGINS=brk")


@pytest.mark.parametrize(
    "text",
    [
        "smc-core>=0.1,<0.2",
        "pluggy",
        "Pluggy>=1",
        "smc-absent; extra == 'framework'",
        "smc-absent>=2; python_version < '3'",
        "smc-absent; extra == 'x' or python_version < '3'",
        "not a requirement !!",
    ],
)
def test_what_a_plugin_does_not_require_is_not_asked_for(text: str) -> None:
    plugin = plugin_that_is(lambda: "imported", requires=(text,))
    assert plugin.load() == "imported"


@pytest.mark.parametrize(
    "installed", ["0.1", "0.1.0", "0.2", "0.10.1", "1.0", "2!1.0", "0.1.0a1", "0.1.post1", "0.1+cu1"]
)
@pytest.mark.parametrize(
    "versions",
    ["", ">=0.1,<0.2", "<0.2", ">0.1", "<=0.1", "==0.1.0", "!=0.1", "~=0.1.0", "==0.1.*", "===0.1", ">=0.1a1"],
)
def test_versions_are_compared_as_the_library_does(versions: str, installed: str) -> None:
    assert requires._permits(versions, installed) == SpecifierSet(versions).contains(installed, prereleases=True)
