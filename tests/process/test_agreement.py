"""All hosts of a job come to one outcome: the coordinator, its members and what each makes of an end, together."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smc_core.errors import EXIT_HOST
from smc_core.process.hosts import coordinator as coordinator_room
from smc_core.process.hosts.coordinator import Coordinator
from smc_core.process.hosts.handshake import Session
from smc_core.process.hosts.messages import Cause, first_of
from smc_core.process.hosts.peer_link import Connection, listen
from smc_core.process.hosts.peers import Member, Peers
from smc_core.process.hosts.states import Why
from smc_core.process.hosts.verdict import End, Known, Verdict, Word, verdict

HOSTS = ["algo-1", "algo-2", "algo-3", "algo-4"]
KEY = b"k" * 32
OWN_CODE = 7


class Fate(NamedTuple):
    """How the command of a host ends, left alone: its status, and what it reports of a failure."""

    host: str
    status: int
    time: float
    sudden: bool

    @property
    def cause(self) -> Cause:
        return Cause(self.host, None, self.time, self.sudden, "text")


@pytest.fixture(autouse=True, scope="module")
def _only_the_end_of_all_settles_it() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coordinator_room, "SETTLE_SECONDS", 1e6)
        yield


@contextlib.contextmanager
def joined() -> Iterator[dict[str, Peers]]:
    """The hosts of a job, which have met."""
    with contextlib.ExitStack() as stack:
        coordinator = Coordinator("algo-1", HOSTS, KEY, listen("127.0.0.1", 0), 60)
        stack.callback(coordinator.close)
        peers: dict[str, Peers] = {"algo-1": coordinator}
        for name in HOSTS[1:]:
            far, near = socket.socketpair()
            coordinator._seat(Connection(near, Session(KEY, b"", b"listener", b"caller"), name))
            member = Member(name, Connection(far, Session(KEY, b"", b"caller", b"listener"), "algo-1"), 60)
            stack.callback(member.close)
            peers[name] = member
        coordinator._start_if_all_are_here()
        pass_on(peers)
        yield peers


def pass_on(peers: dict[str, Peers]) -> None:
    """Let everybody hear what was said: to the coordinator, and from there to the members."""
    for each in ("algo-1", *HOSTS):
        peers[each].turn(0)


def judge(end: End, peers: Peers) -> Verdict:
    return verdict(end, Known(peers.cause, peers.stopped))


def say(found: Verdict, fate: Fate, peers: Peers) -> None:
    if found.word is Word.FAILED:
        peers.report_failure(fate.cause)
    else:
        peers.report_end(found.word.value)


@st.composite
def fates_of_all(draw: st.DrawFn) -> list[Fate]:
    """Failures a second apart: the hosts' clocks differ by the time that a message takes."""
    times = draw(st.permutations(range(1, 1 + len(HOSTS))))
    statuses = st.sampled_from([0, 0, OWN_CODE, -9])
    return [
        Fate(host, draw(statuses), float(time), draw(st.booleans())) for host, time in zip(HOSTS, times, strict=True)
    ]


FATES = fates_of_all()


@settings(max_examples=60, deadline=None)
@given(FATES, st.permutations(HOSTS))
def test_commands_that_all_exit_by_themselves(fates: list[Fate], order: list[str]) -> None:
    """In whatever order they do, all hosts report the failure that was the first, or that all is well."""
    by_host = {fate.host: fate for fate in fates}
    ends = {fate.host: End(fate.host, fate.status) for fate in fates}
    with joined() as peers:
        for host in order:
            say(judge(ends[host], peers[host]), by_host[host], peers[host])
            pass_on(peers)
        assert all(each.is_final for each in peers.values())
        found = {host: judge(ends[host], peers[host]) for host in HOSTS}
    failed = [fate.cause for fate in fates if fate.status]
    if not failed:
        assert {each.code for each in found.values()} == {0}
        return
    first = first_of(failed)
    for host, each in found.items():
        if host == first.host:
            assert (each.code, each.blame) == (by_host[host].status, None)
        else:
            assert each.code == EXIT_HOST
            assert each.blame is not None
            assert each.blame.host == first.host


@settings(max_examples=60, deadline=None)
@given(FATES, st.sampled_from(HOSTS))
def test_commands_that_are_stopped_when_one_has_failed(fates: list[Fate], failing: str) -> None:
    """Those that have exited with 0 before are as much to blame it as those that are stopped for it."""
    by_host = {fate.host: fate._replace(status=fate.status if fate.host != failing else OWN_CODE) for fate in fates}
    with joined() as peers:
        well = [host for host in HOSTS if host != failing and by_host[host].status == 0]
        ends = {host: End(host, 0) for host in well}
        for host in well:
            say(judge(ends[host], peers[host]), by_host[host], peers[host])
        pass_on(peers)
        ends[failing] = End(failing, OWN_CODE)
        say(judge(ends[failing], peers[failing]), by_host[failing], peers[failing])
        pass_on(peers)
        for host in HOSTS:
            if host not in ends:
                assert peers[host].cause is not None
                ends[host] = End(host, -15, Why.FAILURE)
                say(judge(ends[host], peers[host]), by_host[host], peers[host])
        pass_on(peers)
        assert all(each.is_final for each in peers.values())
        for host in HOSTS:
            found = judge(ends[host], peers[host])
            assert found.code == (OWN_CODE if host == failing else EXIT_HOST)
            assert host == failing or (found.blame is not None and found.blame.host == failing)


@settings(max_examples=30, deadline=None)
@given(st.permutations(HOSTS), st.lists(st.sampled_from([0, 1, -15]), min_size=4, max_size=4))
def test_a_job_whose_hosts_are_all_asked_to_stop(order: list[str], statuses: list[int]) -> None:
    """However each command takes it, nobody has failed, and each exits as its command did."""
    with joined() as peers:
        for host, status in zip(order, statuses, strict=True):
            end = End(host, status, Why.ASKED, asked_at=5.0)
            found = judge(end, peers[host])
            assert found.word is Word.STOPPED
            peers[host].report_end(found.word.value)
            pass_on(peers)
            last = judge(end, peers[host])
            assert (last.code, last.blame) == (status, None)
        assert all(each.cause is None for each in peers.values())
