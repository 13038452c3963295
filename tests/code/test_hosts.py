"""A job waits for its hosts, says for whom, and ends when one does not come."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from tests.code.conftest import LONGER_THAN_A_TEST

from smc_core import hosts
from smc_core.errors import ConfigurationError, HostError
from smc_core.hosts import wait_for_hosts

ALL = ["algo-1", "algo-2", "algo-3"]


class Names:
    """Stands for the resolver of this machine."""

    def __init__(self, known: set[str]) -> None:
        self.known = known
        self.asked: list[str] = []
        self.on_ask: Callable[[str], None] = lambda name: None

    def __call__(self, name: str, port: object, *args: object) -> list[object]:
        self.asked.append(name)
        self.on_ask(name)
        if name not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names({"algo-1"})
    monkeypatch.setattr(socket, "getaddrinfo", known)
    monkeypatch.setattr(hosts, "_FIRST_PAUSE_SECONDS", 0.005)
    return known


def wait(environ: dict[str, str] | None = None, all_hosts: list[str] = ALL) -> list[str]:
    lines: list[str] = []
    wait_for_hosts(all_hosts, current_host="algo-1", environ=environ or {}, log=lines.append)
    return lines


@pytest.mark.parametrize("alone", [[], ["algo-1"], ["algo-1", "algo-1"]])
def test_one_host_alone_waits_for_nobody(names: Names, alone: list[str]) -> None:
    names.known.clear()
    assert wait(all_hosts=alone) == []
    assert names.asked == []


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_studio_does_not_wait(names: Names, value: str) -> None:
    assert wait({"SM_STUDIO_LOCAL_MODE": value}) == []
    assert names.asked == []


def test_hosts_that_are_there_cost_nothing(names: Names) -> None:
    names.known |= set(ALL)
    assert wait() == []
    assert sorted(names.asked) == ALL


def test_it_waits_until_all_are_there(names: Names) -> None:
    def appear(name: str) -> None:
        if len(names.asked) > 5:
            names.known.add("algo-2")
        if len(names.asked) > 8:
            names.known.add("algo-3")

    names.on_ask = appear
    assert wait() == []
    assert names.known == set(ALL)


def test_a_line_names_who_is_missing(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "LOG_SECONDS", 0.05)
    told = threading.Event()
    names.on_ask = lambda name: names.known.update({"algo-2", "algo-3"}) if told.is_set() else None
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        told.set()

    wait_for_hosts(ALL, current_host="algo-1", environ={}, log=log)
    assert lines[0] == "algo-1 cannot find the hosts algo-2, algo-3 for 0 s: Name or service not known"


def test_at_the_end_the_missing_are_named(names: Names) -> None:
    with pytest.raises(HostError) as caught:
        wait({"SMC_HOST_WAIT": "0.3"})
    assert str(caught.value) == (
        "algo-1 cannot find the hosts algo-2, algo-3 after 0 s: Name or service not known "
        "(SMC_HOST_WAIT sets how long to wait)"
    )


def test_of_many_ten_are_named(names: Names) -> None:
    with pytest.raises(HostError, match="host-9 and 90 more after"):
        wait({"SMC_HOST_WAIT": "0"}, all_hosts=[f"host-{number}" for number in range(100)])


def test_a_resolver_that_hangs_does_not_hold_the_job(names: Names) -> None:
    stuck = threading.Event()
    names.on_ask = lambda name: stuck.wait(LONGER_THAN_A_TEST) and None if name == "algo-3" else None
    with pytest.raises(HostError, match="algo-3"):
        wait({"SMC_HOST_WAIT": "0.2"})
    stuck.set()


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_an_error(names: Names, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"variable SMC_HOST_WAIT is '{value}', not a number of seconds"):
        wait({"SMC_HOST_WAIT": value})


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
def test_real_names_that_appear_late() -> None:
    """A namespace with a hosts file of its own, where the second host appears while the first waits."""
    program = (
        "import threading\nfrom smc_core import hosts\n"
        "first = threading.Event()\nasked = hosts._resolve\n"
        "def watched(name):\n    answer = asked(name)\n    if answer: first.set()\n    return answer\n"
        "hosts._resolve = watched\n"
        "def appear():\n    first.wait(20)\n    open('/etc/hosts', 'a').write('127.0.0.1 algo-2\\n')\n"
        "threading.Thread(target=appear).start()\n"
        "hosts.wait_for_hosts(['algo-1', 'algo-2'], current_host='algo-1', log=print)\nprint('found', first.is_set())"
    )
    shell = (
        'mount -t tmpfs none /mnt && echo "127.0.0.1 algo-1" > /mnt/hosts && mount --bind /mnt/hosts /etc/hosts '
        '&& echo "hosts: files" > /mnt/nss && mount --bind /mnt/nss /etc/nsswitch.conf && exec "$@"'
    )
    ended = subprocess.run(
        ["unshare", "-m", "-n", "sh", "-c", shell, "sh", sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "found True", ended.stderr
