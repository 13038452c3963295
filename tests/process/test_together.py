"""Hosts of a launched job stand and fall together, and each tells who was the first to fall."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smc_core.testing.hosts import Host, Hosts, kind

pytestmark = pytest.mark.slow

LAUNCHER = """
import dataclasses, os, sys
from smc_core import hookimpl

@hookimpl
def launch(environment, command):
    launched = command.with_variables({"RANK": str(environment.host_rank)}, "loom")
    return dataclasses.replace(launched, serves="SERVES" in os.environ and not environment.is_master)
"""
"""A plugin whose launcher starts the command as it is, once a host."""
WAIT = "print('training', flush=True)\nimport signal\nwhile True: signal.pause()\n"
BY_HOST = "import os\nme = os.environ['SM_CURRENT_HOST']\n"


def install_launcher(host: Host) -> str:
    """Put the plugin where the host's Python finds it; returns the folder."""
    host.job.code_files(
        {
            "../lib/loom_plugin.py": LAUNCHER,
            "../lib/smc_loom-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: smc-loom\nVersion: 1.0\n",
            "../lib/smc_loom-1.0.dist-info/entry_points.txt": "[smc.plugins]\nloom = loom_plugin\n",
        }
    )
    return f"{host.base}/lib"


Start = Callable[..., list[Host]]


@pytest.fixture
def start(hosts: Hosts) -> Start:
    """Starts a script on so many hosts, below the launcher."""

    def start_hosts(code: str, count: int = 2, **variables: str) -> list[Host]:
        made = hosts.make(count)
        for host in made:
            library = install_launcher(host)
            host.job.code(train_py=code)
        hosts.start("train.py", **variables, PYTHONPATH=library) if kind() == "docker" else [
            host.start("train.py", **variables, PYTHONPATH=f"{host.base}/lib") for host in made
        ]
        return made

    return start_hosts


def first_line(host: Host, seconds: float = 60) -> str:
    ended = host.wait(seconds)
    assert ended.exit_code != 0
    assert ended.failure is not None
    assert not ended.success
    return ended.failure.splitlines()[0]


def wait_for(host: Host, text: str) -> None:
    import time

    deadline = time.monotonic() + 60
    while text not in host.output():
        assert time.monotonic() < deadline, host.output()
        time.sleep(0.05)


def test_hosts_that_end_well(start: Start) -> None:
    made = start(BY_HOST + "import time; time.sleep(0.5 if me == 'algo-2' else 0); print(me, os.environ['RANK'])", 3)
    for rank, host in enumerate(made):
        ended = host.wait(60)
        assert ended.exit_code == 0, ended.stderr
        assert ended.success
        assert ended.stdout == f"{host.name} {rank}\n"


@pytest.mark.parametrize("culprit", ["algo-1", "algo-2"])
def test_an_exception_on_one_host_is_told_on_every_host(start: Start, culprit: str) -> None:
    made = start(BY_HOST + f"if me == '{culprit}': raise ValueError('bad batch')\n" + WAIT)
    for host in made:
        line = first_line(host, 30)
        if host.name == culprit:
            assert line == "ValueError: bad batch (train.py:3, in <module>)"
            assert host.wait().exit_code == 1
        else:
            rank = made.index(next(each for each in made if each.name == culprit))
            assert line == (f"HostError: host {culprit}, rank {rank}: ValueError: bad batch (train.py:3, in <module>)")
            assert host.wait().exit_code == 5


def test_the_exception_that_came_first_is_the_cause_though_its_process_ends_last(start: Start) -> None:
    code = BY_HOST + (
        "import time\n"
        "def late():\n    time.sleep(1.5)\n"
        "import threading\n"
        "if me == 'algo-2':\n    threading.Thread(target=late).start()\n    raise ValueError('first')\n"
        "time.sleep(0.7)\nraise ConnectionError('peer is gone')\n"
    )
    one, two = start(code)
    assert first_line(two).startswith("ValueError: first")
    assert first_line(one).startswith("HostError: host algo-2, rank 1: ValueError: first")
    assert one.wait().exit_code == 5
    assert "ConnectionError: peer is gone" in (one.wait().failure or "")


@pytest.mark.parametrize("culprit", ["algo-1", "algo-2"])
def test_a_process_that_has_failed_and_does_not_leave_is_ended(start: Start, culprit: str) -> None:
    code = BY_HOST + (
        "import threading\n"
        f"if me == '{culprit}':\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    raise ValueError('bad batch')\n"
    )
    for host in start(code + WAIT, SMC_HOST_TIMEOUT="4"):
        assert "ValueError: bad batch (train.py:6, in <module>)" in first_line(host, 34)
        assert host.wait().exit_code == (1 if host.name == culprit else 5)


def test_a_process_that_has_failed_and_left_does_not_end_a_command_that_goes_on(start: Start) -> None:
    code = BY_HOST + (
        "import sys, time\n"
        "if me == 'algo-1' and (child := os.fork()) == 0:\n    raise ValueError('of a child')\n"
        "elif me == 'algo-1':\n    os.waitpid(child, 0)\n"
        "time.sleep(7)\nprint('trained')\n"
    )
    for host in start(code, SMC_HOST_TIMEOUT="4"):
        ended = host.wait(60)
        assert ended.exit_code == 0, ended.stderr
        assert ended.stdout == "trained\n"


def test_a_failure_after_the_master_has_ended_well_is_told_on_the_other_hosts(start: Start) -> None:
    code = BY_HOST + (
        "import sys, time\nif me == 'algo-1': sys.exit()\n"
        "if me == 'algo-2':\n    time.sleep(2)\n    raise ValueError('bad batch')\n"
    )
    one, two, three = start(code + WAIT, 3)
    assert first_line(two, 30).startswith("ValueError: bad batch")
    assert first_line(three, 30).startswith("HostError: host algo-2, rank 1: ValueError: bad batch")
    assert one.wait(30).exit_code == 0
    assert one.wait().success


def test_a_stop_that_comes_after_the_failure_of_another_host_does_not_hide_it(start: Start) -> None:
    code = BY_HOST + (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if me == 'algo-2': raise ValueError('bad batch')\n"
    )
    one, two = start(code + WAIT)
    assert first_line(two).startswith("ValueError: bad batch")
    one.stop()
    assert first_line(one, 20).startswith("HostError: host algo-2, rank 1: ValueError: bad batch")
    assert one.wait().exit_code == 5


def test_a_command_that_cannot_be_started_is_told_on_every_host(hosts: Hosts) -> None:
    one, two = made = hosts.make(2)
    for host in made:
        library = install_launcher(host)
        host.job.code(train_py=WAIT, train_sh="#!/no/such/interpreter\n")
        (host.job.base / "code/train.sh").chmod(0o755)
        host.start("train.sh" if host is two else "train.py", PYTHONPATH=library)
    assert "CodeError: " in first_line(two, 30)
    assert "cannot be started" in first_line(two)
    assert two.wait().exit_code == 4
    assert first_line(one, 30).startswith("HostError: host algo-2: CodeError: ")
    assert one.wait().exit_code == 5


def test_a_short_time_out_is_no_reason_to_lose_hosts_that_are_well(start: Start) -> None:
    for host in start("import time; time.sleep(4)", SMC_HOST_TIMEOUT="1"):
        ended = host.wait(60)
        assert ended.exit_code == 0, ended.stderr


def test_a_process_that_was_killed_comes_before_the_errors_that_its_death_brought_about(start: Start) -> None:
    code = BY_HOST + (
        "import signal, socket, time\n"
        "if me == 'algo-1':\n"
        "    server = socket.create_server(('', 7000)); peer, _ = server.accept()\n"
        "    if not peer.recv(1): raise ConnectionError('peer is gone')\n"
        "while True:\n"
        "    try: peer = socket.create_connection(('algo-1', 7000)); break\n"
        "    except OSError: time.sleep(0.05)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    one, two = start(code)
    assert first_line(two).startswith("Killed by SIGKILL")
    assert first_line(one).startswith("HostError: host algo-2: Killed by SIGKILL")


@pytest.mark.parametrize("victim", [0, 1])
def test_a_host_that_vanishes_is_named_by_the_others(start: Start, victim: int) -> None:
    made = start(WAIT, 3, SMC_HOST_TIMEOUT="4")
    for host in made:
        wait_for(host, "training")
    made[victim].kill()
    for host in made:
        if host is not made[victim]:
            assert first_line(host, 34).startswith(f"HostError: host {made[victim].name}: lost: ")
            assert host.wait().exit_code == 5


def test_a_host_that_never_comes_is_named_by_the_others(hosts: Hosts) -> None:
    made = hosts.make(3)
    absent = made[1]
    for host in made:
        library = install_launcher(host)
        host.job.code(train_py="print('trained')")
        # the absent one has a name that resolves, as a machine has that is up while its container is not
        program = "wait.sh" if host is absent else "train.py"
        host.job.code(wait_sh="exec sleep 60")
        disabled = {"SMC_HOST_TIMEOUT": "0"} if host is absent else {}
        host.start(program, PYTHONPATH=library, SMC_HOST_WAIT="10", **disabled)
    for host in made:
        if host is not absent:
            line = first_line(host, 40)
            assert line.startswith("HostError: host algo-2"), line
            assert "did not come within 10 s (SMC_HOST_WAIT" in line
            assert host.wait().exit_code == 5
            assert "trained" not in host.wait().stdout


def test_a_host_that_is_stopped_does_not_hurry_the_others(start: Start) -> None:
    save = "import signal, sys, time\ndef save(*_):\n    time.sleep(SLEEP)\n    print('saved', flush=True)\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, save)\n"
    one, two = start(save.replace("SLEEP", "7 if __import__('os').environ['RANK'] == '0' else 0") + WAIT)
    for host in (one, two):
        wait_for(host, "training")
    for host in (one, two):
        host.stop()
    for host in (one, two):
        ended = host.wait(60)
        assert ended.exit_code == 0, ended.stderr
        assert ended.stdout.endswith("saved\n")


def test_a_host_that_serves_ends_well_with_the_master(start: Start) -> None:
    one, two = start(BY_HOST + "if me != 'algo-1':\n    import signal\n    while True: signal.pause()\n", SERVES="1")
    for host in (one, two):
        ended = host.wait(30)
        assert ended.exit_code == 0, ended.stderr
        assert ended.success


def test_a_host_whose_command_does_not_heed_the_end_of_another_is_killed(start: Start) -> None:
    code = BY_HOST + (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if me == 'algo-2': raise ValueError('bad batch')\n"
    )
    one, two = start(code + WAIT)
    assert first_line(two).startswith("ValueError: bad batch")
    assert first_line(one, 35).startswith("HostError: host algo-2, rank 1: ValueError: bad batch")
