"""What is kept of how a local job ended: facts from its supervisors, whatever words a script has written."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from smc_core.local.record import Record
from smc_core.local.request import Request
from smc_core.process.outcome import handover
from smc_core.process.outcome.text import Outcome
from smc_core.testing import wait_until

INTERRUPTED = """
import os, signal, sys
if any(argument.endswith("prepare.py") for argument in sys.orig_argv):
    os.kill(os.getpid(), signal.SIGINT)
"""
INTERRUPTED_IMPORT = """
import os, signal, sys
from smc_core.testing import wait_until
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "smc_core.cli.parser":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def test_a_failure_file_of_the_scripts_own_words_makes_no_stop(desk) -> None:
    desk.write(
        "train.py",
        "import os, sys\n"
        "with open(os.environ['SAGEMAKER_BASE_DIR'] + '/output/failure', 'w') as file:\n"
        "    file.write('Stopped by my early-stopping check')\n"
        "sys.exit(1)\n",
    )
    assert desk.smc("run", "train.py").exit_code == 1
    (job,) = desk.jobs()
    assert (job["status"], job["failure"]) == ("failed", "Stopped by my early-stopping check")


def test_the_host_that_failed_first_is_told_though_another_one_ends_first(desk) -> None:
    """One raises, and stays for a thread of its own; the other loses it, and is gone at once."""
    desk.write(
        "train.py",
        "import os, threading, time\n"
        "seen = os.environ['SAGEMAKER_BASE_DIR'] + '/checkpoints/failed'\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-1':\n"
        "    while not os.path.exists(seen): time.sleep(0.01)\n"
        "    raise ConnectionError('peer is gone')\n"
        "def stay():\n"
        "    threading.main_thread().join()\n"
        "    open(seen, 'w')\n"
        "    time.sleep(600)\n"
        "threading.Thread(target=stay).start()\n"
        "raise ValueError('bad batch')\n",
    )
    ended = desk.smc("run", "train.py", "--hosts", "2", "--name", "bad")
    assert "smc: algo-1 failed with exit code 1: stopping the other hosts" in ended.stderr
    assert "smc: algo-2 failed first: ValueError: bad batch (train.py:11, in <module>)" in ended.stderr
    failure = (desk.job() / "output/failure").read_text()
    assert failure.startswith("ValueError: bad batch (train.py:11, in <module>)\n")
    assert "raise ValueError('bad batch')" in failure
    assert desk.jobs()[0]["status"] == "failed"


def test_a_supervisor_that_is_killed_leaves_a_cause(desk) -> None:
    desk.write("train.py", "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)\n")
    assert desk.smc("run", "train.py").exit_code == 137
    (job,) = desk.jobs()
    assert job["status"] == "failed"
    assert job["failure"].startswith("smc itself was killed")
    wait_until(lambda: not desk.processes())  # its guard sees to them, a moment later


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_when_all_is_said_changes_nothing(desk, number: int) -> None:
    desk.write("train.py", "print('trained')")
    running = desk.start("run", "train.py")
    running.wait_until(lambda: "completed after" in running.stderr)
    running.send(number)
    assert running.wait().exit_code == 0
    assert [job["status"] for job in desk.jobs()] == ["completed"]


def test_ctrl_c_while_the_jobs_interpreter_starts_is_a_stop(desk) -> None:
    desk.write("hook/sitecustomize.py", INTERRUPTED)
    desk.write("train.py", "print('trained')")
    desk.environ["PYTHONPATH"] = str(desk.folder / "hook")
    ended = desk.smc("run", "train.py")
    assert (ended.exit_code, ended.stdout) == (130, "")
    assert "Traceback" not in ended.stderr
    (job,) = desk.jobs()
    assert (job["status"], job["failure"]) == ("stopped", "Stopped by SIGINT before the user's code began")


def test_ctrl_c_while_smc_is_loaded_is_one_line(desk) -> None:
    desk.write("hook/sitecustomize.py", INTERRUPTED_IMPORT)
    desk.environ["PYTHONPATH"] = str(desk.folder / "hook")
    ended = desk.smc("jobs")
    assert (ended.exit_code, ended.stderr) == (130, "smc: interrupted\n")


DAMAGED = {
    "empty": "",
    "cut": '{"name": "x", "fol',
    "list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "request": '{"name": "x", "folder": "x", "job_name": "x", "request": 7}',
    "texts": '{"name": 7, "folder": "x", "job_name": "x", "request": {"target": "x"}}',
    "hosts": '{"name": "x", "folder": "x", "job_name": "x", "hosts": 7, "request": {"target": "x"}}',
    "time": '{"name": "x", "folder": "x", "job_name": "x", "started": 1e300, "request": {"target": "x"}}',
    "number": '{"name": "x", "folder": "x", "job_name": "x", "pid": "1", "request": {"target": "x"}}',
}


def test_damaged_records_are_named_and_the_others_listed(desk) -> None:
    desk.write("train.py")
    desk.run("train.py", "--name", "good")
    for name, text in DAMAGED.items():
        desk.write(f".smc/jobs/{name}/job.json", text)
    for name in ("pipe", "zero", "folder"):
        (desk.folder / ".smc/jobs" / name).mkdir()
    os.mkfifo(desk.folder / ".smc/jobs/pipe/job.json")
    (desk.folder / ".smc/jobs/zero/job.json").symlink_to("/dev/zero")
    (desk.folder / ".smc/jobs/folder/job.json").mkdir()
    (desk.job("good") / "output/failure").symlink_to("/dev/zero")
    ended = desk.smc("jobs", "--json")
    assert [(job["name"], job["failure"]) for job in json.loads(ended.stdout)] == [("good", None)]
    told = sorted(line.split()[1] for line in ended.stderr.splitlines() if "is damaged" in line)
    assert told == sorted(f".smc/jobs/{name}/job.json" for name in [*DAMAGED, "pipe", "zero", "folder"])


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'["1", "failed", "x", 1, ""]', b'[1, "odd", "x", 1, ""]', b"\xff"]
)
def test_what_is_no_handover_is_none(content: bytes) -> None:
    source, sink = os.pipe()
    os.write(sink, content)
    os.close(sink)
    assert handover.read(source) is None


def test_a_handover_arrives_as_it_was_sent(tmp_path: Path) -> None:
    source, sink = os.pipe()
    handover.write(sink, Outcome(1, "failed", "ValueError: \U0001f600" * 10, "text", "log", 12.5, "algo-2"))
    found = handover.read(source)
    assert found == handover.Handover(1, "failed", "ValueError: \U0001f600" * 10, 12.5, "algo-2")


def test_a_clock_that_is_set_back_does_not_change_how_long_a_job_took(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record("job", "job", Request("train.py"), "job")
    monkeypatch.setattr(time, "time", lambda: record.started - 3600)
    record.end()
    assert 0 <= record.seconds < 3600
