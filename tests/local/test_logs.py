"""What a local job prints is shown at once and kept byte for byte; ``smc jobs`` tells how jobs ended."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from smc_core.testing import wait_until


def test_the_log_is_what_was_printed_byte_for_byte(desk) -> None:
    desk.write("train.py", "import os\nos.write(1, bytes(range(256)) * 1000)\nos.write(1, b'no end of line')\n")
    with open(desk.folder / "shown", "wb") as shown:
        assert desk.smc("run", "train.py", stdout=shown, stderr=subprocess.STDOUT).exit_code == 0
    log = (desk.job() / "log.txt").read_bytes()
    assert bytes(range(256)) * 1000 + b"no end of line" in log
    assert (desk.folder / "shown").read_bytes().startswith(log)
    with open(desk.folder / "again", "wb") as again:
        desk.smc("logs", desk.job().name, stdout=again)
    assert (desk.folder / "again").read_bytes() == log


def test_stdout_and_stderr_stay_apart_and_lines_stay_whole_in_the_log(desk) -> None:
    desk.write(
        "train.py",
        "import os\nfor n in range(2000):\n    os.write(1, b'o' * 70)\n    os.write(2, b'e' * 70 + b'\\n')\n    os.write(1, b'\\n')\n",
    )
    ended = desk.run("train.py")
    assert ended.stdout == ("o" * 70 + "\n") * 2000
    assert [line for line in ended.stderr.splitlines() if not line.startswith("smc: ")] == ["e" * 70] * 2000
    lines = (desk.job() / "log.txt").read_text().splitlines()
    assert sorted({line[:1] for line in lines}) == ["e", "o", "s"]
    assert {len(line) for line in lines if line[0] in "eo"} == {70}


def test_output_is_shown_while_the_job_runs(desk) -> None:
    desk.write("train.py", "import os\nos.write(1, b'Name? ')\nprint('Hello', input())\n")
    running = desk.start("run", "train.py", stdin=subprocess.PIPE)
    running.wait_until(lambda: running.stdout == "Name? ")  # without an end of line
    running.write("Ada\n")
    assert running.wait().stdout == "Name? Hello Ada\n"


def test_a_reader_that_goes_away_does_not_end_the_job(desk) -> None:
    desk.write("train.py", "for n in range(100_000): print(n)\n")
    source, sink = os.pipe()
    running = desk.start("run", "train.py", "--name", "read", stdout=sink)
    os.close(sink)
    os.close(source)
    assert running.wait().exit_code == 0
    assert "99999\n" in (desk.job() / "log.txt").read_text()


def test_jobs_lists_outcome_and_cause(desk) -> None:
    assert "no jobs in" in desk.smc("jobs").stdout
    desk.write("train.py", "import sys\nif sys.argv[2] == '1': raise KeyError('missing')\n")
    desk.run("train.py", "--name", "good", "-p", "n=0")
    assert desk.smc("run", "train.py", "--name", "bad", "-p", "n=1").exit_code == 1
    lines = desk.smc("jobs").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["good", "completed"], ["bad", "failed"]]
    assert lines[2].endswith("KeyError: 'missing' (train.py:2)") or "KeyError: 'missing'" in lines[2]


def test_a_running_job_and_one_that_was_killed(desk) -> None:
    desk.write("train.py", "print('on', flush=True)\nimport time\ntime.sleep(600)\n")
    running = desk.start("run", "train.py", "--name", "long")
    assert running.read_line() == "on"
    assert desk.jobs()[0]["status"] == "running"
    running.send(signal.SIGKILL)
    running.wait()
    assert desk.jobs()[0]["status"] == "lost"
    wait_until(lambda: (desk.job() / "output/failure").exists() and (desk.job() / "output/failure").read_text())
    assert "killed" in (desk.job() / "output/failure").read_text()


def test_a_stop_is_passed_on_and_told(desk) -> None:
    desk.write(
        "train.py",
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('saved') or 7))\n"
        "print('on', flush=True)\ntime.sleep(600)\n",
    )
    running = desk.start("run", "train.py")
    assert running.read_line() == "on"
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert (ended.exit_code, ended.stdout) == (7, "on\nsaved\n")
    assert "stopped with exit code 7" in ended.stderr
    assert desk.jobs()[0]["status"] == "stopped"


def test_logs_of_no_job(desk) -> None:
    ended = desk.smc("logs", "none")
    assert ended.exit_code == 2
    assert "there is no job 'none'" in ended.stderr


def test_the_supervisor_of_a_local_job_is_as_small_as_that_of_a_container(desk, tmp_path: Path) -> None:
    desk.write(
        "train.py",
        "import os\nprint(open(f'/proc/{os.getppid()}/cmdline').read().split(chr(0))[1])\n"
        "for line in open(f'/proc/{os.getppid()}/status'):\n    if line.startswith('VmHWM'): print(line.split()[1])\n",
    )
    program, peak = desk.run("train.py").stdout.split()
    assert os.path.basename(program) == "host.py"
    assert int(peak) <= 16 * 1024  # KiB
