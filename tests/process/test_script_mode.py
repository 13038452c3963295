"""Script mode is ``python train.py`` in every way that a script can see: the same script is run both ways."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import smc_core

RUNNER = Path(smc_core.__file__).parent / "process" / "script.py"

NAMESPACE = '''"""The docstring."""
import sys
names = {name: repr(value) for name, value in sorted(globals().items()) if name != "sys"}
print({name: value for name, value in names.items() if name not in ("__loader__", "__spec__")})
print(type(__loader__), __loader__.name, __loader__.path, __spec__ and (__spec__.name, __spec__.origin))
print(sys.modules["__main__"].__dict__ is globals())
print(sys.argv, sys.path, sys.flags)
print(sys.orig_argv[1:])
print(sorted(sys.modules))
'''

SPAWN = """
import multiprocessing, pickle, sys

class Sample:
    def __init__(self, number): self.number = number
    def __eq__(self, other): return self.number == other.number

def double(sample): return Sample(sample.number * 2), __name__, sys.argv[1:]

if __name__ == "__main__":
    print(Sample.__module__, pickle.loads(pickle.dumps(Sample(3))) == Sample(3))
    for method in ("spawn", "forkserver", "fork"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, [(one.number, *rest) for one, *rest in pool.map(double, [Sample(1), Sample(2)])])
"""

ENDINGS = {
    "nothing": "",
    "value": "raise ValueError('bad')",
    "chain": "try:\n  1 / 0\nexcept Exception as error:\n  raise ValueError('bad') from error",
    "exit": "import sys; sys.exit()",
    "exit 0": "raise SystemExit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit 256": "import sys; sys.exit(256)",
    "exit text": "import sys; sys.exit('the text')",
    "exit tuple": "import sys; sys.exit((1, 2))",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt by signal": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
    "generator exit": "raise GeneratorExit",
    "syntax": "x = 1\ndef f(:\n",
    "import": "import no_such_module",
    "stop iteration": "next(iter(()))",
    "recursion in repr": "class E(Exception):\n  def __str__(self): return str(self)\nraise E",
    "hook": "import sys\nsys.excepthook = lambda *told: print('hook', told[0], told[2].tb_frame.f_code.co_name)\n1 / 0",
    "hook that restores": "import sys\ndef hook(*told):\n  print(sys.excepthook is hook)\nsys.excepthook = hook\n1 / 0",
    "hook that exits": "import sys\ndef hook(*told):\n  sys.exit(5)\nsys.excepthook = hook\n1 / 0",
    "atexit": "import atexit\natexit.register(print, 'one')\natexit.register(print, 'two')\n1 / 0",
    "atexit fails": "import atexit\natexit.register(int, 'x')\nprint('main')",
    "daemon thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('done'))).start()\n1 / 0",
    "thread fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\nt.start()\nt.join()",
    "thread exits": "import os, threading\nt = threading.Thread(target=os._exit, args=(6,))\nt.start()\nt.join()",
    "unbuffered": "import os, sys\nsys.stdout.write('half a line')\nos._exit(0)",
    "warning": "import warnings\ndef f(): warnings.warn('careful')\nf()",
    "closed stdout": "import sys\nsys.stdout.close()",
    "source": "import inspect\ndef f():\n  return 1\nprint(inspect.getsource(f))",
    "del main": "import sys\ndel sys.modules['__main__']\n1 / 0",
    "own path": "import sys\nsys.path[:] = []\nraise ValueError('no path')",
}


def _both(arguments, cwd, **variables):
    """Run a script without smc and with it."""
    environ = {"PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"], **variables}
    reports = cwd / "reports"
    reports.mkdir(exist_ok=True)
    options = {"cwd": cwd, "capture_output": True, "timeout": 60, "stdin": subprocess.DEVNULL}
    alone = subprocess.run([sys.executable, *arguments], env=environ, **options)
    with_smc = subprocess.run(
        [sys.executable, RUNNER, *arguments], env={**environ, "SMC_REPORT_DIR": str(reports)}, **options
    )
    return alone, with_smc


def _assert_same(alone, with_smc):
    assert with_smc.returncode == alone.returncode
    assert with_smc.stdout.decode() == alone.stdout.decode()
    assert with_smc.stderr.decode() == alone.stderr.decode()


def _reports(cwd):
    return [json.loads(path.read_text()) for path in (cwd / "reports").glob("report-*.json")]


@pytest.mark.parametrize("arguments", [["train.py", "--a", "b c", ""], ["./train.py"], ["pkg/train.py"]])
def test_the_namespace_of_a_file(arguments, tmp_path):
    (tmp_path / "pkg").mkdir()
    for path in (tmp_path / "train.py", tmp_path / "pkg" / "train.py"):
        path.write_text(NAMESPACE)
    _assert_same(*_both(arguments, tmp_path))
    _assert_same(*_both(arguments, tmp_path, PYTHONSAFEPATH="1"))


@pytest.mark.parametrize("module", ["train", "pkg", "pkg.train"])
def test_the_namespace_of_a_module(module, tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    for path in (tmp_path / "train.py", tmp_path / "pkg" / "train.py", tmp_path / "pkg" / "__main__.py"):
        path.write_text(NAMESPACE)
    _assert_same(*_both(["-m", module, "--a", "b"], tmp_path))


def test_a_link_to_a_script_finds_its_neighbours(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "neighbour.py").write_text("print('found')")
    (tmp_path / "real" / "train.py").write_text(f"import neighbour\n{NAMESPACE}")
    (tmp_path / "train.py").symlink_to("real/train.py")
    _assert_same(*_both(["train.py"], tmp_path))


def test_multiprocessing_and_pickle(tmp_path):
    (tmp_path / "train.py").write_text(SPAWN)
    alone, with_smc = _both(["train.py", "x"], tmp_path)
    assert with_smc.returncode == alone.returncode == 0, with_smc.stderr.decode()
    assert with_smc.stdout.decode() == alone.stdout.decode()
    assert b"spawn [(2, '__mp_main__', ['x'])" in alone.stdout


def test_multiprocessing_in_a_package(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "train.py").write_text(SPAWN)
    alone, with_smc = _both(["-m", "pkg.train"], tmp_path)
    assert with_smc.returncode == alone.returncode == 0, with_smc.stderr.decode()
    assert with_smc.stdout.decode() == alone.stdout.decode()


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_ending_of_a_file(ending, tmp_path):
    (tmp_path / "train.py").write_text(ENDINGS[ending])
    alone, with_smc = _both(["train.py"], tmp_path)
    _assert_same(alone, with_smc)
    by_itself = ("thread exits",)
    assert len(_reports(tmp_path)) == (alone.returncode != 0 and ending not in by_itself)


@pytest.mark.parametrize("ending", ["value", "exit 3", "interrupt", "syntax", "hook", "atexit"])
def test_the_ending_of_a_module(ending, tmp_path):
    (tmp_path / "train.py").write_text(ENDINGS[ending])
    _assert_same(*_both(["-m", "train"], tmp_path))
    _assert_same(*_both(["-m", "no_such_module"], tmp_path))


def test_a_missing_file(tmp_path):
    _assert_same(*_both(["no_such_file.py"], tmp_path))


@pytest.mark.parametrize("name", ["json", "traceback", "typing", "re", "time", "random", "collections", "contextlib"])
def test_a_file_that_stands_in_for_a_standard_module(name, tmp_path):
    """The script gets its own, and the report is written with Python's."""
    (tmp_path / f"{name}.py").write_text("mark = 'the user\\'s own'")
    (tmp_path / "train.py").write_text(f"import {name}\nprint(getattr({name}, 'mark', None))\nraise SystemExit('over')")
    alone, with_smc = _both(["train.py"], tmp_path)
    _assert_same(alone, with_smc)
    (report,) = _reports(tmp_path)
    assert (report["type"], report["message"], report["exit_code"]) == ("SystemExit", "over", 1)


def test_a_module_that_the_script_has_put_out_of_the_way(tmp_path):
    (tmp_path / "train.py").write_text("import sys\nsys.modules['os'] = sys.modules['re'] = None\n1 / 0")
    _both(["train.py"], tmp_path)
    assert [report["type"] for report in _reports(tmp_path)] == ["ZeroDivisionError"]


def test_the_ending_stands_when_no_report_can_be_written(tmp_path):
    (tmp_path / "train.py").write_text("raise ValueError('bad')")
    options = {"cwd": tmp_path, "capture_output": True, "timeout": 60}
    for folder in ("/dev/null/reports", str(tmp_path / "missing"), ""):
        ended = subprocess.run([sys.executable, RUNNER, "train.py"], env={"SMC_REPORT_DIR": folder}, **options)
        assert ended.returncode == 1
        assert ended.stderr.decode().endswith("ValueError: bad\n")


def test_an_interrupt_ends_the_process_by_its_signal(tmp_path):
    (tmp_path / "train.py").write_text("raise KeyboardInterrupt")
    _, with_smc = _both(["train.py"], tmp_path)
    assert with_smc.returncode == -signal.SIGINT


def test_the_report_of_a_script(tmp_path):
    (tmp_path / "train.py").write_text("def load():\n    raise ValueError('bad')\n\nload()\n")
    _both(["train.py"], tmp_path, RANK="3", SM_CURRENT_HOST="algo-2", SAGEMAKER_BASE_DIR=str(tmp_path))
    (report,) = _reports(tmp_path)
    assert (report["rank"], report["host"], report["phase"], report["kind"]) == (3, "algo-2", "script", "user")
    assert report["place"] == "train.py:2, in load"
    assert report["traceback"].startswith('Traceback (most recent call last):\n  File "' + str(tmp_path / "train.py"))
