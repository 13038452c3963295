"""No process of the job outlives smc: as PID 1, as subreaper, and when smc itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from smc_core.process import processes
from smc_core.process.parent.cleanup import Cleanup
from smc_core.testing import wait_until

LEAVE = {
    "a child": "sleep 60 &",
    "a session of its own": "setsid sleep 60 &",
    "a double fork": "(setsid sh -c 'sleep 60 & sleep 60' &) &",
    "one that ignores SIGTERM": "(trap '' TERM; sleep 60; sleep 60) &",
    "one that ignores everything it can": "(trap '' HUP INT QUIT TERM USR1; setsid sleep 60; sleep 60) &",
    "one that is stopped": "sleep 60 & kill -STOP $!",
    "one that keeps stderr": "sleep 60 >/dev/null &",
    "one with no environment": "env -i sleep 60 &",
    "many": "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do setsid sleep 60 & done",
}


def _sleepers():
    """Living processes by the mark in their argument list: their number of seconds is this test run's own."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                arguments = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
                state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if arguments[:2] == [b"sleep", _seconds().encode()] and state != "Z":
                found.append(int(name))
    return found


def _watchdogs(supervisor):
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "smc-watchdog"]


def _seconds():
    return f"60.{os.getpid():07}"


def _script(leave, code=3):
    return f"{leave.replace('sleep 60', f'sleep {_seconds()}')}\nexit {code}"


@pytest.mark.parametrize("leave", LEAVE)
def test_what_the_script_leaves_is_ended(leave, job):
    result = job.supervise("sh", "-c", _script(LEAVE[leave]))
    assert result.exit_code == 3
    assert _sleepers() == []


@pytest.mark.parametrize("leave", LEAVE)
def test_what_the_script_leaves_is_ended_by_pid_1(leave, job, pid_namespace):
    result = job.supervise("sh", "-c", _script(LEAVE[leave]), prefix=pid_namespace)
    assert result.exit_code == 3
    assert _sleepers() == []


def test_a_process_that_the_table_missed_is_waited_for(monkeypatch):
    """One that is born, and whose parent ends, while the table is read, is in no line of it."""
    monkeypatch.setattr(processes, "table", list)
    with subprocess.Popen(["sleep", "60"]) as child:
        assert not Cleanup(child.pid, None, None, adopts=True).step(0.0, at_once=False)
        child.kill()
    without_orphans = Cleanup(child.pid, None, None, adopts=False)
    assert [without_orphans.step(now, at_once=False) for now in (0.0, 0.1)] == [False, True]


def test_a_success_is_a_success_whatever_was_left(job):
    result = job.supervise("sh", "-c", _script(LEAVE["many"], code=0))
    assert (result.exit_code, result.success) == (0, True)
    assert _sleepers() == []


def test_orphans_are_reaped_while_the_job_runs(job):
    """A job that makes many orphans leaves no zombies standing."""
    count = textwrap.dedent("""
        import os, sys, time
        supervisor = os.getppid()
        for _ in range(200):
            if os.fork() == 0:
                if os.fork() == 0:
                    os._exit(0)
                os._exit(0)
            os.wait()
        deadline = time.monotonic() + 20
        while True:
            states = []
            for name in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    with open(f"/proc/{name}/stat") as file:
                        state, parent = file.read().rpartition(")")[2].split()[:2]
                except OSError:
                    continue
                if int(parent) == supervisor:
                    states.append(state)
            if "Z" not in states:
                break
            if time.monotonic() > deadline:
                sys.exit(f"zombies: {states}")
    """)
    result = job.supervise(sys.executable, "-c", count)
    assert result.exit_code == 0, result.failure


def test_zombies_are_reaped_by_pid_1(job, pid_namespace):
    result = job.supervise(
        "sh",
        "-c",
        "for i in 1 2 3 4 5 6 7 8 9; do (sh -c 'true' &); done; sleep 0.2; ps -e -o stat= | grep -c Z",
        prefix=pid_namespace,
    )
    assert result.stdout.split() == ["0"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_pid_1_passes_signals_on(number, job, pid_namespace):
    """The kernel keeps from PID 1 whatever it has no handler for; the supervisor has one for each."""
    script = (
        "import signal, sys, time\n"
        "for n in (1, 2, 10, 15): signal.signal(n, lambda n, f: sys.exit(n))\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)"
    )
    running = job.start_supervisor(sys.executable, "-c", script, prefix=pid_namespace)
    assert running.read_line() == "ready"
    (child,) = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    os.kill(int(child), number)
    assert running.wait().exit_code == int(number)


def test_a_whole_job_as_pid_1(job, pid_namespace):
    job.write("train.py", "import os\nprint(os.getppid())\nraise ValueError('bad')\n")
    result = job.run("train.py", prefix=pid_namespace)
    assert (result.exit_code, result.stdout) == (1, "1\n")
    assert result.first_line == "ValueError: bad (train.py:3, in <module>)"


def test_when_smc_is_killed_the_job_dies_with_it(job):
    """Children of children too, and those in sessions of their own."""
    leave = _script("sleep 60 & setsid sleep 60 & (setsid sleep 60 &)\necho ready; sleep 60")
    running = job.start_supervisor("sh", "-c", leave)
    assert running.read_line() == "ready"
    wait_until(lambda: len(_sleepers()) == 4)
    running.send(signal.SIGKILL)
    running.wait()
    wait_until(lambda: not _sleepers())
    wait_until((job.output / "failure").exists)
    assert (job.output / "failure").read_text() == "smc itself was killed, and the job with it\n"
    wait_until(lambda: not job.processes())
    assert os.listdir(job.scratch) == []


def test_when_smc_is_killed_as_soon_as_a_job_has_begun(job):
    """The job's first process is tied to smc from its first moment; the watchdog comes a little later."""
    running = job.start_supervisor("sh", "-c", _script("exec sleep 60"))
    wait_until(_sleepers)
    running.send(signal.SIGKILL)
    running.wait()
    wait_until(lambda: not _sleepers())
    wait_until(lambda: not job.processes())


def test_without_ctypes_leftovers_are_found_by_their_mark(job):
    """A Python without ctypes cannot make itself the parent of orphans."""
    hide = (
        "import sys; sys.modules['ctypes'] = None; from smc_core.process.parent.supervisor import supervise;"
        "sys.exit(supervise(sys.argv[2:], base_dir=sys.argv[1]))"
    )
    command = [sys.executable, "-c", hide, str(job.base), "sh", "-c", _script(LEAVE["many"])]
    assert job.start_command(command).wait().exit_code == 3
    assert _sleepers() == []


def test_the_watchdog_holds_nothing_of_the_job(job):
    """Who reads the job's output must not wait for a process that is not of the job."""
    running = job.start_supervisor("sh", "-c", "echo ready; sleep 60")
    assert running.read_line() == "ready"

    def watchdogs():
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        return [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == "smc-watchdog\n"]

    wait_until(watchdogs)
    (watchdog,) = watchdogs()
    assert len(os.listdir(f"/proc/{watchdog}/fd")) == 1
    assert os.readlink(f"/proc/{watchdog}/cwd") == "/"
    assert os.getsid(int(watchdog)) == int(watchdog)
    running.send(signal.SIGTERM)
    assert running.wait().exit_code == 143


def test_a_folder_of_reports_that_was_left_behind_goes_with_the_next_job(make_job):
    """The supervisor and its watchdog are killed at once; a folder of a job that still runs is left alone."""
    job, other = make_job(), make_job()
    other.variables["TMPDIR"] = job.variables["TMPDIR"]
    running = other.start_supervisor("sh", "-c", "echo $SMC_REPORT_DIR; exec sleep 60")
    kept = Path(running.read_line())
    killed = job.start_supervisor("sh", "-c", "echo $SMC_REPORT_DIR; mkdir $SMC_REPORT_DIR/inside; echo; exec sleep 60")
    left = Path(killed.read_line())
    killed.read_line()
    for pid in (*_watchdogs(killed.pid), killed.pid):
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    assert left.is_dir()
    assert job.supervise("true").exit_code == 0
    assert not left.exists()
    assert kept.is_dir()
    running.send(signal.SIGTERM)
    running.wait()
    assert os.listdir(job.scratch) == []
