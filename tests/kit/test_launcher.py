"""Programs that start the processes of a job: signals, exit codes, and what is reported of a death."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smc_core.kit import Report, death_in_words, exit_code, job_reports, report_death, signals_to_take
from smc_core.testing import Running, start

PROGRAM = """
import signal, sys
from smc_core.kit import main, run_child, run_ranks

def run(argv):
    return {run}

sys.exit(main(run, sys.argv[1:]))
"""
CHILD = "run_child(argv)"
RANKS = "run_ranks(argv, {2: {'LOCAL_RANK': '0'}, 3: {'LOCAL_RANK': '1'}})"
SAYS = """
import os, signal, sys, time
def say(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGTERM:
        os._exit(7)
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM, signal.SIGWINCH):
    signal.signal(number, say)
os.write(1, b"ready\\n")
while True:
    time.sleep(600)
"""
"""Prints the name of each signal that it gets, and exits with 7 at SIGTERM."""


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Report]]:
    """What was reported, the earliest first."""
    monkeypatch.setenv("SMC_REPORT_DIR", str(tmp_path))
    monkeypatch.setenv("SM_CURRENT_HOST", "algo-2")
    return job_reports


def program(run: str, *argv: str) -> Running:
    return start([sys.executable, "-c", PROGRAM.format(run=run), *argv])


def python(run: str, code: str) -> Running:
    return program(run, sys.executable, "-c", code)


@pytest.mark.parametrize("run", [CHILD, RANKS])
def test_what_cannot_be_started_is_said_and_reported(run: str, reports: Callable[[], list[Report]]) -> None:
    with program(run, "/no/such/program") as running:
        result = running.wait()
    assert result.exit_code == 4
    assert result.stderr == "smc: error: /no/such/program cannot be started: No such file or directory\n"
    assert [(report.type, report.exit_code) for report in reports()] == [("smc_core.errors.CodeError", 4)]


@pytest.mark.parametrize("run", [CHILD, RANKS])
@pytest.mark.parametrize(
    ("code", "expected"), [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 11)", -11)]
)
@pytest.mark.usefixtures("reports")
def test_the_program_exits_as_its_child(run: str, code: str, expected: int) -> None:
    with python(run, code) as running:
        assert running.wait().exit_code == expected


def test_every_signal_that_may_be_meant_for_the_job_is_passed_on() -> None:
    with python(CHILD, SAYS) as running:
        assert running.read_line() == "ready"
        for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGWINCH):
            running.send(number)
            assert running.read_line() == number.name
        running.send(signal.SIGTERM)
        result = running.wait()
    assert result.exit_code == 7
    assert result.stdout.splitlines()[-1] == "SIGTERM"


def test_what_was_ignored_at_the_start_stays_ignored() -> None:
    ignores = "(signal.signal(signal.SIGHUP, signal.SIG_IGN), run_child(argv))[1]"
    shows = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, flush=True)\n"
    with python(ignores, shows + SAYS) as running:
        assert running.read_line() == "True"
        assert running.read_line() == "ready"
        running.send(signal.SIGHUP)
        running.send(signal.SIGUSR1)
        assert running.read_line() == "SIGUSR1"
    assert signal.SIGTERM in signals_to_take(frozenset({signal.SIGTERM}))


def test_a_shell_and_what_it_has_started_get_signals_as_a_group() -> None:
    """A shell passes nothing on, and waits for the program that it runs."""
    with program(
        "run_child(argv, signals='group')", "sh", "-c", "trap 'echo shell' USR1; sleep 600; echo over"
    ) as child:
        child.wait_until(lambda: "sleep" in _grandchildren(child.pid))
        child.send(signal.SIGUSR1)
        assert [child.read_line(), child.read_line()] == ["shell", "over"]
        assert child.wait().exit_code == 0


def test_something_else_can_be_done_with_a_signal() -> None:
    kills = "run_child(argv, send=lambda pid, number: __import__('os').kill(pid, signal.SIGKILL))"
    with python(kills, SAYS) as running:
        assert running.read_line() == "ready"
        running.send(signal.SIGUSR1)
        assert running.wait().exit_code == -signal.SIGKILL


def test_each_rank_has_its_variables() -> None:
    with python(RANKS, "import os; print(os.environ['RANK'], os.environ['LOCAL_RANK'])") as running:
        assert sorted(running.wait().stdout.splitlines()) == ["2 0", "3 1"]


KILLED = "ChildProcessError", "rank 3 was killed by SIGKILL", 137
EXITED = "ChildProcessError", "rank 3 ended with exit code 5, without an exception", 5


@pytest.mark.parametrize(
    ("end", "code", "expected"),
    [("os.kill(os.getpid(), 9)", -9, KILLED), ("os._exit(5)", 5, EXITED)],
)
def test_a_rank_that_fails_is_reported_and_stops_the_others(
    reports: Callable[[], list[Report]], end: str, code: int, expected: tuple[str, str, int]
) -> None:
    waits = f"import os, time\nif os.environ['RANK'] == '3': {end}\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    with python(RANKS, waits) as running:
        assert running.wait().exit_code == code
    [report] = reports()
    assert (report.type, report.message, report.exit_code) == expected
    assert (report.host, report.rank, report.phase) == ("algo-2", 3, "train")


def test_a_rank_that_has_reported_why_it_failed_is_not_reported_again(reports: Callable[[], list[Report]]) -> None:
    fails = (
        "import os\nfrom smc_core.errors import HostError\nfrom smc_core.process.failure import report_failure\n"
        "report_failure(HostError(os.environ['RANK']), phase='train')\nraise SystemExit(5)"
    )
    with python("run_ranks(argv, {3: {}})", fails) as running:
        assert running.wait().exit_code == 5
    assert [report.message for report in reports()] == ["3"]


def test_a_stop_reaches_each_rank_and_is_no_failure(reports: Callable[[], list[Report]]) -> None:
    with python(RANKS, SAYS) as running:
        assert [running.read_line(), running.read_line()] == ["ready", "ready"]
        running.send(signal.SIGTERM)
        result = running.wait()
    assert result.exit_code == 7
    assert result.stdout.splitlines()[2:] == ["SIGTERM", "SIGTERM"]
    assert reports() == []


def test_children_that_ignore_a_stop_are_killed() -> None:
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    )
    with start([sys.executable, "-c", STOPS, sys.executable, "-c", stubborn]) as running:
        assert running.wait().stdout == "[-9, 0]\n"


STOPS = """
import subprocess, sys
from smc_core.kit import stop_children

stubborn, over = (subprocess.Popen(argv, stdout=subprocess.PIPE) for argv in (sys.argv[1:], ["true"]))
stubborn.stdout.readline()
over.wait()
stop_children([stubborn, over], 0.05)
print([stubborn.returncode, over.returncode])
"""


@pytest.mark.parametrize(
    ("status", "silent", "words"),
    [
        (3, False, "rank 0 ended with exit code 3"),
        (3, True, "rank 0 ended with exit code 3, without an exception"),
        (-9, True, "rank 0 was killed by SIGKILL"),
        (-11, False, "rank 0 was killed by SIGSEGV (Segmentation fault)"),
        (-40, False, "rank 0 was killed by signal 40 (Real-time signal 6)"),
    ],
)
def test_a_death_in_words(status: int, silent: bool, words: str) -> None:
    assert death_in_words("rank 0", status, silent=silent) == words


@pytest.mark.parametrize(
    ("status", "phase", "code", "kind"),
    [
        (-9, "train", 137, "ChildProcessError"),
        (0, "train", 1, "ChildProcessError"),
        (0, "hosts", 5, "smc_core.errors.HostError"),
        (3, "hosts", 3, "smc_core.errors.HostError"),
    ],
)
def test_a_death_that_is_reported_is_never_a_success(
    reports: Callable[[], list[Report]], status: int, phase: str, code: int, kind: str
) -> None:
    assert report_death("server 1", status, phase=phase) == death_in_words("server 1", status)
    assert [(report.exit_code, report.type, report.rank) for report in reports()] == [(code, kind, None)]


def test_a_death_comes_before_what_it_has_brought_about(reports: Callable[[], list[Report]]) -> None:
    for rank in (1, 0):
        report_death(f"rank {rank}", -9, rank=rank)
    assert [report.rank for report in reports()] == [0, 1]


def test_exit_codes_are_those_of_a_shell() -> None:
    assert [exit_code(status) for status in (0, 3, -9, -15)] == [0, 3, 137, 143]


def _grandchildren(pid: int) -> list[str]:
    """The programs that the children of a process have started; a shell that has forked is still a shell."""
    children = [each for child in _children(pid) for each in _children(child)]
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
