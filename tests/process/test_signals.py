"""Every signal that can be passed on reaches the script; a stop is told as a stop; none is lost."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from tests.process import stops

from smc_core.process.signals import FORWARDED, SAME_REQUEST
from smc_core.testing import wait_until
from smc_core.testing.running import processes_with

NAMED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"]

LISTEN = textwrap.dedent("""
    import os, signal, sys, time
    from smc_core.process.report import writer

    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, lambda number, frame: os.write(1, b"%d\\n" % number))
    writer.note_command("process", "script", 1)
    print("ready", flush=True)
    while True:
        time.sleep(0.05)  # a handler that is due when a sleep begins runs when it ends
""")

SAVE_AND_EXIT = textwrap.dedent("""
    import signal, sys, time

    def save(number, frame):
        print("saved", flush=True)
        sys.exit({code})

    signal.signal(signal.SIGTERM, save)
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
""")


def _kill(running):
    """Stop it twice. Two signals that are sent at once are one request, so the first has to be some time ago."""
    running.send(signal.SIGTERM)
    while running.read_line() != str(int(signal.SIGTERM)):
        pass
    time.sleep(SAME_REQUEST + 0.3)
    running.send(signal.SIGTERM)
    assert running.wait().exit_code == 137


def test_the_signals_of_the_contract_are_passed_on():
    assert {getattr(signal, name) for name in NAMED} <= FORWARDED


def test_every_signal_reaches_the_script_but_those_about_the_supervisor_itself(job):
    """One after another to one job; SIGTERM comes last, and a second one ends it."""
    running = job.start_supervisor(sys.executable, str(job.write("listen.py", LISTEN)))
    assert running.read_line() == "ready"
    for number in sorted(FORWARDED - {signal.SIGTERM}):
        for own in (signal.SIGCHLD, signal.SIGURG, signal.SIGPIPE):
            running.send(own)
        running.send(number)
        assert running.read_line() == str(int(number))
    _kill(running)
    failure = (job.output / "failure").read_text()
    assert failure.startswith("Stopped by SIGTERM, and killed by a second one ")


def test_a_script_that_saves_and_exits_with_0_has_succeeded(job):
    job.write("train.py", SAVE_AND_EXIT.format(code=0))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert (result.exit_code, result.success, result.stdout) == (0, True, "ready\nsaved\n")


def test_a_script_that_exits_otherwise_is_told_as_stopped(job):
    job.write("train.py", SAVE_AND_EXIT.format(code=17))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert (result.exit_code, result.success) == (17, False)
    assert result.first_line.startswith("Stopped by SIGTERM: ")
    assert result.first_line.endswith(" s later the script ended with exit code 17")
    assert "smc: SIGTERM was passed on; the job has 110 s to stop\n" in result.stderr


def test_a_script_that_fails_while_stopping(job):
    job.write("train.py", SAVE_AND_EXIT.format(code="1 / 0"))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 1
    assert result.first_line.startswith("Stopped by SIGTERM: ")
    assert "While stopping: ZeroDivisionError: division by zero (train.py:6, in save)" in result.failure
    assert "A stop is not a fault of the script." in result.failure


def test_a_script_without_a_handler(job):
    job.write("train.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 143
    assert result.first_line == "Stopped by SIGTERM, which the script does not handle"


def test_an_interrupt(job):
    job.write("train.py", "import time\nprint('ready', flush=True)\nwhile True:\n    time.sleep(0.05)\n")
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGINT)
    result = running.wait()
    assert result.exit_code == 130
    assert result.first_line == "Stopped by SIGINT"


@pytest.mark.parametrize("seconds", ["0", "0.3"])
def test_the_grace_time(seconds, job):
    job.variables["SMC_STOP_GRACE"] = seconds
    job.write(
        "train.py",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)\n",
    )
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 137
    assert result.first_line == (
        f"Stopped by SIGTERM: the script did not stop within {seconds} s (SMC_STOP_GRACE) and was killed"
    )


def test_a_request_that_comes_twice_at_once_is_one(job):
    """timeout(1) signals its child, and then the process group that it is in."""
    job.write("train.py", SAVE_AND_EXIT.format(code="time.sleep(1)"))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    for _ in range(5):
        running.send(signal.SIGTERM)
        time.sleep(0.02)
    result = running.wait()
    assert result.exit_code == 0


def test_a_shell_script_is_signalled_with_all_that_it_runs(job):
    """A shell passes nothing on, so its process group gets the signal."""
    job.write(
        "train.sh", "#!/bin/sh\npython3 -c \"import time; print('ready', flush=True); time.sleep(60)\"\necho after\n"
    )
    running = job.start("train.sh")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 143
    assert result.first_line == "Stopped by SIGTERM, which the script does not handle"


def test_a_python_script_is_signalled_alone(job):
    """The processes that load its data go on until the script ends them."""
    job.write(
        "train.py",
        textwrap.dedent("""
            import os, signal, subprocess, sys, time

            loader = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); print('loader is done')"],
                                      stdin=subprocess.PIPE)

            def save(number, frame):
                loader.stdin.close()
                print("loader ended with", loader.wait(), flush=True)
                sys.exit()

            signal.signal(signal.SIGTERM, save)
            print("ready", flush=True)
            while True:
                time.sleep(0.05)
        """),
    )
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert (result.exit_code, result.stdout) == (0, "ready\nloader is done\nloader ended with 0\n")


def test_a_stop_while_the_job_is_prepared(job):
    """The user's code has not begun, so nothing has to be saved: everything ends at once."""
    running = job.start_supervisor("sh", "-c", "trap 'echo trapped' USR1; sleep 60 & echo ready; wait")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 143
    assert result.first_line == "Stopped by SIGTERM before the user's code began"


def test_a_stopped_script_is_woken_to_be_told(job):
    """A process that SIGSTOP has stopped would hear of the stop only when its time is up."""
    running = job.start_supervisor("sh", "-c", "echo $$; kill -STOP $$; sleep 60")
    pid = running.read_line()

    def is_stopped():
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    wait_until(is_stopped)
    running.send(signal.SIGTERM)
    assert running.wait().exit_code == 143


def test_a_command_ignores_what_smc_was_started_to_ignore_and_blocks_nothing(job):
    """Of what Python ignores by itself (13 and 25) nothing reaches it."""
    show = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
    careless = "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 20))\n"
    careless += "for n in (1, 2, 3, 13, 15, 25): signal.signal(n, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])"
    plain = subprocess.run(["sh", "-c", show], capture_output=True, text=True, check=True, restore_signals=True)
    result = job.supervise("sh", "-c", show)
    assert result.stdout == plain.stdout
    result = job.supervise("sh", "-c", show, prefix=[sys.executable, "-c", careless])
    mask = sum(1 << (number - 1) for number in (1, 2, 3, 15))
    assert result.stdout == re.sub("SigIgn:.*", f"SigIgn:\t{mask:016x}", plain.stdout)


def test_a_shell_script_ends_by_a_broken_pipe_as_without_smc(job):
    """And by the limit of a file's size: Python ignores both signals, and what it becomes would too."""
    job.write(
        "train.sh",
        "while :; do echo x; done | head -n 1\n"
        "(ulimit -f 1; exec head -c 100000 /dev/zero > big)\necho $?\n"
        "grep SigIgn /proc/self/status\n",
    )
    result = job.run("train.sh")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["x", str(128 + signal.SIGXFSZ), f"SigIgn:\t{0:016x}"]


def test_what_smc_was_started_to_ignore_a_whole_job_ignores(job):
    job.write("train.sh", "grep SigIgn /proc/self/status\n")
    job.write("train.py", "def train():\n    import signal; print(signal.getsignal(1), signal.getsignal(10))\n")
    ignore = ["sh", "-c", "trap '' HUP CHLD; exec \"$@\"", "sh"]
    assert job.run("train.sh", prefix=ignore).stdout == f"SigIgn:\t{1:016x}\n"
    assert job.run("train.py", prefix=ignore).stdout == "1 0\n"


def test_sigterm_stops_a_job_though_it_was_ignored_at_the_start(job):
    job.write("train.py", LISTEN)
    running = job.start("train.py", prefix=["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"])
    assert running.read_line() == "ready"
    _kill(running)
    assert running.wait().first_line.startswith("Stopped by SIGTERM")


def test_a_hangup_that_nohup_ignores_stays_ignored(job):
    ignore = "import os, signal, sys\nsignal.signal(1, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])"
    script = str(job.write("listen.py", LISTEN))
    running = job.start_supervisor(sys.executable, script, prefix=[sys.executable, "-c", ignore])
    assert running.read_line() == "ready"
    running.send(signal.SIGHUP)
    running.send(signal.SIGUSR1)
    assert running.read_line() == str(int(signal.SIGUSR1))
    _kill(running)


@pytest.mark.parametrize("milliseconds", range(0, 600, 100))
def test_a_stop_at_any_moment_of_a_whole_job(milliseconds, job):
    """From the moment on that the supervisor can hear."""
    job.write("train.py", "import time\ntime.sleep(60)\n")
    running = job.start("train.py")

    def hears():
        with open(f"/proc/{running.pid}/status") as file:
            (caught,) = (int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
        return caught >> (signal.SIGTERM - 1) & 1

    wait_until(hears)
    time.sleep(milliseconds / 1000)
    running.send(signal.SIGTERM)
    result = running.wait()
    assert result.exit_code == 143
    assert result.first_line in (
        "Stopped by SIGTERM before the user's code began",
        "Stopped by SIGTERM, which the script does not handle",
    )


def test_stops_at_random_moments(tmp_path):
    """A stop is neither lost nor fatal to the report, whenever and however often it comes; nox -s soak has thousands."""
    outcomes = list(stops.of_the_supervisor(100, random.randrange(2**32), tmp_path))
    assert len(outcomes) == 100
    assert [outcome for outcome in outcomes if not outcome.is_true] == []
    assert list(processes_with("SMC_TEST_MARK", str(tmp_path))) == []
    assert os.listdir(tmp_path / "tmp") == []


def test_ctrl_z_fg_and_ctrl_c_is_a_stop_by_sigint(job):
    running = job.start_supervisor(sys.executable, "-c", "print(flush=True); import time; time.sleep(60)")
    running.read_line()
    for number in (signal.SIGCONT, signal.SIGWINCH, signal.SIGINT):
        running.send(number)
    ended = running.wait()
    assert (ended.exit_code, ended.first_line) == (130, "Stopped by SIGINT before the user's code began")


def test_a_clock_that_is_set_back_during_a_stop_hides_no_stop(job):
    job.write(
        "train.py",
        "import signal, time\n"
        "def stop(*_):\n"
        "    time.time = lambda: 0.0\n"
        "    time.time_ns = lambda: 0\n"
        "    raise ValueError('while saving')\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print(flush=True)\n"
        "while True: time.sleep(1)\n",
    )
    running = job.start("train.py")
    running.read_line()
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.first_line.startswith("Stopped by SIGTERM: ")
    assert "While stopping: ValueError: while saving (train.py:5, in stop)" in ended.failure
