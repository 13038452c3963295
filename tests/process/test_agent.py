"""Hosts of a launched job stand and fall together: the agents with real processes, signals and networks.

What each state, event and end means is in test_agent_states.py and test_verdict.py, row by row.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smc_core.testing.hosts import Host, Hosts, kind

pytestmark = pytest.mark.slow

LAUNCHER = """
import os, sys
from smc_core import hookimpl

@hookimpl
def launch(environment, command):
    launched = command.with_variables({"RANK": str(environment.host_rank)}, "loom")
    return launched._replace(serves="SERVES" in os.environ and not environment.is_master)
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


def test_hosts_that_end_well(start: Start) -> None:
    made = start(BY_HOST + "import time; time.sleep(0.5 if me == 'algo-2' else 0); print(me, os.environ['RANK'])", 3)
    for rank, host in enumerate(made):
        ended = host.wait()
        assert ended.exit_code == 0, ended.stderr
        assert ended.success
        assert ended.stdout == f"{host.name} {rank}\n"


def test_an_exception_on_one_host_is_reported_on_every_host(start: Start) -> None:
    one, two, three = start(BY_HOST + "if me == 'algo-2': raise ValueError('bad batch')\n" + WAIT, 3)
    assert first_line(two, 30) == "ValueError: bad batch (train.py:3, in <module>)"
    assert two.wait().exit_code == 1
    for host in (one, three):
        line = first_line(host, 30)
        assert line == "HostError: host algo-2, rank 1: ValueError: bad batch (train.py:3, in <module>)"
        assert host.wait().exit_code == 5


CUT = """
import socket, sys, time
if me == FAILING:
    with socket.create_server(("", 7000)) as server:
        peer, _ = server.accept()
    peer.close()
    while "gone" not in os.listdir():  # the other host's command has exited, and nobody knows of a failure yet
        time.sleep(0.05)
    raise ValueError("bad batch")
while True:
    try:
        peer = socket.create_connection((FAILING, 7000))
        break
    except OSError:
        time.sleep(0.05)
assert peer.recv(1) == b""
print("cut", flush=True)
"""
"""Like the daemon of a launcher: a host exits with 0 when the other one cuts the connection."""


@pytest.mark.parametrize("failing", ["algo-1", "algo-2"])
def test_a_host_that_exits_with_0_as_another_one_has_cut_the_connection_reports_the_failure(
    start: Start, failing: str
) -> None:
    made = start(BY_HOST + CUT.replace("FAILING", repr(failing)))
    failed, other = sorted(made, key=lambda host: host.name != failing)
    other.wait_until(lambda host=other: "cut" in host.output())
    (failed.job.base / "code/gone").touch()
    assert first_line(failed).startswith("ValueError: bad batch")
    rank = made.index(failed)
    assert first_line(other).startswith(f"HostError: host {failing}, rank {rank}: ValueError: bad batch")
    assert other.wait().exit_code == 5


def test_a_host_that_has_ended_well_does_not_wait_for_ever_for_one_that_trains(start: Start) -> None:
    one, two = start(
        BY_HOST + "import time\nwhile me == 'algo-1' and 'go' not in os.listdir(): time.sleep(0.05)\n",
        SMC_HOST_TIMEOUT="4",
    )
    ended = two.wait()
    assert ended.exit_code == 0, ended.stderr
    (one.job.base / "code/go").touch()
    assert one.wait().exit_code == 0


def test_a_command_that_does_not_heed_the_failure_of_another_host_is_killed_though_the_host_is_asked_to_stop(
    start: Start,
) -> None:
    """The failure came first, and the stop does not hide it."""
    code = BY_HOST + (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if me == 'algo-2': raise ValueError('bad batch')\n"
    )
    one, two = start(code + WAIT)
    assert first_line(two).startswith("ValueError: bad batch")
    one.stop()
    assert first_line(one, 20).startswith("HostError: host algo-2, rank 1: ValueError: bad batch")
    assert one.wait().exit_code == 5


def test_a_process_that_has_failed_and_does_not_exit_is_stopped(start: Start) -> None:
    code = BY_HOST + (
        "import threading\n"
        "if me == 'algo-2':\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    raise ValueError('bad batch')\n"
    )
    for host in start(code + WAIT, SMC_HOST_TIMEOUT="2"):
        assert "ValueError: bad batch (train.py:6, in <module>)" in first_line(host, 34)
        assert host.wait().exit_code == (1 if host.name == "algo-2" else 5)


def test_a_command_that_cannot_be_started_is_reported_on_every_host(hosts: Hosts) -> None:
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


def test_a_host_that_vanishes_is_named_by_the_others(start: Start) -> None:
    made = one, two, three = start(WAIT, 3, SMC_HOST_TIMEOUT="4")
    for host in made:
        host.wait_until(lambda host=host: "training" in host.output())
    two.kill()
    for host in (one, three):
        assert first_line(host, 34).startswith("HostError: host algo-2: lost: ")
        assert host.wait().exit_code == 5


def test_a_stop_of_all_hosts_is_no_failure_and_hurries_none(start: Start) -> None:
    save = (
        "import os, signal, sys, time\n"
        "def save(*_):\n"
        "    while 'go' not in os.listdir(): time.sleep(0.05)\n"
        "    print('saved', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
    )
    one, two = made = start(save + WAIT)
    for host in made:
        host.wait_until(lambda host=host: "training" in host.output())
    for host in made:
        host.stop()
    for host in (two, one):
        (host.job.base / "code/go").touch()
        ended = host.wait()
        assert ended.exit_code == 0, ended.stderr
        assert ended.stdout.endswith("saved\n")


def test_a_host_that_serves_ends_well_with_the_master(start: Start) -> None:
    one, two = start(BY_HOST + "if me != 'algo-1':\n    import signal\n    while True: signal.pause()\n", SERVES="1")
    for host in (one, two):
        ended = host.wait()
        assert ended.exit_code == 0, ended.stderr
        assert ended.success
