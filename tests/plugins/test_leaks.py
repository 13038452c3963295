"""The guards: each names what a test has left behind, and says nothing of a test that has cleaned up."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from smc_core.testing import Result, start

HEAD = """
import logging, os, signal, socket, subprocess, sys, tempfile, threading, types
import pytest

KEPT = []
EVENT = threading.Event()

def wait_for_nothing():
    EVENT.wait()
"""
TEST = """
@pytest.mark.usefixtures("{fixture}")
def test_{name}_{fixture}(tmp_path):
    {body}
"""
CONFTEST = """
pytest_plugins = ["smc_core.testing.fixtures"]
"""
RESTORES = """
import json, logging, os, signal, sys
import pytest
from smc_core.testing import leaks

pytest_plugins = ["smc_core.testing.fixtures"]
leaks._GRACE_SECONDS = 0.1  # here nothing goes
logging.getLogger("given")
SAID = {}

@pytest.fixture(autouse=True)
def _as_before(request):
    environ, folder, path = dict(os.environ), os.getcwd(), list(sys.path)
    yield
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.path[:] = path
    sys.modules["json"] = json
    sys.modules.pop("train_leaked", None)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("theirs", "given"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).filters.clear()
    request.module.EVENT.set()
    request.module.EVENT = type(request.module.EVENT)()
    for kept in request.module.KEPT:
        kept.kill() if hasattr(kept, "kill") else kept.close()
        kept.wait() if hasattr(kept, "wait") else None
    request.module.KEPT.clear()

def pytest_runtest_logreport(report):
    if report.when == "teardown":
        test = report.nodeid.rpartition("::test_")[2]
        SAID[test] = report.longrepr.reprcrash.message if report.failed else ""

def pytest_sessionfinish():
    with open(os.environ["SAID"], "w") as file:
        json.dump(SAID, file)
"""
LEAKS: dict[str, tuple[str, str, str]] = {
    "new variable": ("no_leaked_variables", "os.environ['LEAKED'] = '1'", "variables: LEAKED is new"),
    "removed variable": ("no_leaked_variables", "del os.environ['GIVEN']", "variables: GIVEN is removed"),
    "changed variable": ("no_leaked_variables", "os.environ['GIVEN'] = '2'", "variables: GIVEN is changed"),
    "folder": ("no_leaked_folder", "os.chdir(tmp_path)", r"working folder: \S+/test_folder_no_\w+, and it was \S+"),
    "path": ("no_leaked_modules", "sys.path.append('/left')", "modules: sys.path has /left as well"),
    "path order": ("no_leaked_modules", "sys.path.reverse()", "modules: sys.path has another order"),
    "replaced module": (
        "no_leaked_modules",
        "sys.modules['json'] = types.ModuleType('json')",
        "modules: module json is another",
    ),
    "users module": (
        "no_leaked_modules",
        "(tmp_path / 'train_leaked.py').touch(); sys.path.insert(0, str(tmp_path)); import train_leaked; del sys.path[0]",
        r"modules: module train_leaked of \S+/train_leaked\.py",
    ),
    "handler": ("no_leaked_signals", "signal.signal(signal.SIGUSR1, print)", "signals: the handler of SIGUSR1"),
    "mask": (
        "no_leaked_signals",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])",
        "signals: SIGUSR2 is blocked",
    ),
    "file": (
        "no_leaked_descriptors",
        "KEPT.append(open('/proc/self/stat'))",
        r"open descriptors: \d+ \(/proc/\d+/stat\)",
    ),
    "socket": (
        "no_leaked_descriptors",
        "KEPT.append(socket.create_server(('127.0.0.1', 0)))",
        r"open descriptors: \d+ \(socket:\[\d+\]\)",
    ),
    "child": (
        "no_leaked_children",
        "KEPT.append(subprocess.Popen(['sleep', '60']))",
        r"child processes: \d+ \(sleep 60\)",
    ),
    "zombie": (
        "no_leaked_children",
        "KEPT.append(subprocess.Popen(['true']))",
        r"child processes: \d+ \(which has exited, and nobody has waited for it\)",
    ),
    "thread": (
        "no_leaked_threads",
        "threading.Thread(target=wait_for_nothing, name='worker', daemon=True).start()",
        r"threads: worker \(daemon, wait_for_nothing\)",
    ),
    "temporary file": ("no_leaked_temporary_files", "tempfile.mkdtemp(suffix='-left')", r"temporary files: \S+-left"),
    "temporary file of a child": (
        "no_leaked_temporary_files",
        "subprocess.run(['mktemp', '--suffix=-left'], check=True)",
        r"temporary files: \S+-left",
    ),
    "log handler": (
        "no_leaked_logging",
        "logging.getLogger('theirs').addHandler(logging.StreamHandler(sys.stderr))",
        r"logging: logger theirs has the handler <StreamHandler .*",
    ),
    "log level": ("no_leaked_logging", "logging.getLogger().setLevel(5)", "logging: logger root has another level"),
    "log filter": (
        "no_leaked_logging",
        "logging.getLogger('given').addFilter(logging.Filter('x'))",
        "logging: logger given has another filters",
    ),
}
CLEAN = """
logging.getLogger("new").addHandler(logging.NullHandler())
    logging.getLogger("new").setLevel(10)
    import installed_below_tmp
    with open("/proc/self/stat"), tempfile.TemporaryDirectory():
        subprocess.run(["true"], check=True)
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
"""


def run(folder: Path, **files: str) -> Result:
    for name, text in {"conftest": CONFTEST, **files}.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder]
    environ = {
        "PATH": "/usr/bin:/bin",
        "GIVEN": "1",
        "SAID": str(folder / "said.json"),
        "PYTHONPATH": ":".join(filter(None, sys.path)),
    }
    with start([*map(str, command)], environ=environ, cwd=folder) as running:
        return running.wait()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Test → how its teardown failed. Each leaks under the guard that is for it, and under all of them."""
    folder = tmp_path_factory.mktemp("leaks")
    tests = [
        TEST.format(name=kind.replace(" ", "_"), fixture=each, body=body)
        for kind, (fixture, body, _) in {**LEAKS, "nothing": ("no_leaks", CLEAN.strip("\n"), "")}.items()
        for each in {fixture, "no_leaks"}
    ]
    ended = run(folder, conftest=RESTORES, installed_below_tmp="", test_all=HEAD + "".join(tests))
    found: dict[str, str] = json.loads((folder / "said.json").read_text())
    assert len(found) == len(tests), ended.stdout
    assert f"{len(tests)} passed" in ended.stdout
    return found


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_is_named_and_nothing_else(said: dict[str, str], kind: str) -> None:
    fixture, _, message = LEAKS[kind]
    for each in (fixture, "no_leaks"):
        whole = said[f"{kind.replace(' ', '_')}_{each}"]
        assert re.fullmatch(rf"smc_core\.testing\.leaks\.Leak: left behind: {message}", whole), whole


def test_a_test_that_cleans_up_passes(said: dict[str, str]) -> None:
    assert said["nothing_no_leaks"] == ""


def test_all_that_was_left_is_named_at_once(tmp_path: Path) -> None:
    body = "os.environ['LEAKED'] = '1'; os.chdir('/'); KEPT.append(subprocess.Popen(['sleep', '60']))"
    said = run(tmp_path, test_it=HEAD + TEST.format(name="it", fixture="no_leaks", body=body)).stdout
    for what in ("variables: LEAKED", "working folder: /, ", "child processes: "):
        assert f"left behind: {what}" in said, said


def test_an_opt_in_for_every_test(tmp_path: Path) -> None:
    everywhere = CONFTEST + "import pytest\n@pytest.fixture(autouse=True)\ndef _guarded(no_leaks): ...\n"
    ended = run(tmp_path, conftest=everywhere, test_it="import os\ndef test_it(): os.environ['LEAKED'] = '1'\n")
    assert "left behind: variables: LEAKED is new" in ended.stdout
    assert "1 passed" in run(tmp_path, test_it="import os\ndef test_it(): os.environ['LEAKED'] = '1'\n").stdout
