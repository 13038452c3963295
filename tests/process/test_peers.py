"""What the hosts of a job make of what the others say."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smc_core.errors import HostError
from smc_core.process.hosts import rendezvous
from smc_core.process.hosts.coordinator import Coordinator
from smc_core.process.hosts.handshake import Session, call
from smc_core.process.hosts.host_key import host_key
from smc_core.process.hosts.messages import Cause, Message, first_of
from smc_core.process.hosts.peer_link import Connection, connect, listen
from smc_core.process.hosts.peers import PURPOSE, Member, Peers

HOSTS = ["algo-1", "algo-2", "algo-3"]
KEY = b"k" * 32


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@pytest.fixture
def coordinator(port: int) -> Iterator[Coordinator]:
    made = Coordinator("algo-1", HOSTS, KEY, listen("127.0.0.1", port), 5)
    yield made
    made.close()


def until(condition: Callable[[], bool], *peers: Peers) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        for each in peers:
            each.turn(0.01)


def enter(coordinator: Coordinator, port: int, name: str) -> tuple[socket.socket, Session]:
    """Prove oneself to the coordinator, which has its turns meanwhile."""
    link = connect("127.0.0.1", port, time.monotonic() + 5)
    found: list[Session] = []
    caller = threading.Thread(target=lambda: found.append(call(link, KEY, PURPOSE, name)))
    caller.start()
    until(lambda: not caller.is_alive(), coordinator)
    return link, found[0]


Join = Callable[[str], Member]


@pytest.fixture
def join(coordinator: Coordinator, port: int) -> Iterator[Join]:
    """Lets a host come."""
    made: list[Member] = []

    def come(name: str) -> Member:
        made.append(Member(name, Connection(*enter(coordinator, port, name), "algo-1"), 5))
        return made[-1]

    yield come
    for each in made:
        each.close()


def test_all_start_when_the_last_has_come(coordinator: Coordinator, join: Join) -> None:
    two = join("algo-2")
    until(lambda: two.missing == ["algo-3"], coordinator, two)
    assert not coordinator.started
    three = join("algo-3")
    until(lambda: coordinator.started and two.started and three.started, coordinator, two, three)
    assert coordinator.missing == two.missing == []


def test_the_port_is_closed_when_all_are_here(coordinator: Coordinator, port: int, join: Join) -> None:
    members = [join(name) for name in HOSTS[1:]]
    until(lambda: coordinator.started, coordinator, *members)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_stranger_takes_no_seat_and_ends_no_job(coordinator: Coordinator, port: int, join: Join) -> None:
    """It says what a host would say, and knows everything but the key."""
    said = [{"is": "here", "now": 1, "host": "algo-2", "job": "digits"}]
    said.append({"is": "failed", "now": 1, "host": "algo-2", "rank": 0, "time": 1, "sudden": True, "text": "x"})
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"".join(json.dumps(each).encode() + b"\n" for each in said))
        for _ in range(5):
            coordinator.turn(0.01)
        assert coordinator.missing == HOSTS[1:]
        members = [join(name) for name in HOSTS[1:]]
        until(lambda: coordinator.started and all(each.started for each in members), coordinator, *members)
    assert coordinator.cause is None


def test_of_many_hosts_that_are_missing_a_member_knows_some(port: int) -> None:
    names = [f"algo-{number}" for number in range(1, 5001)]
    with contextlib.closing(Coordinator("algo-1", names, KEY, listen("127.0.0.1", port), 5)) as coordinator:
        member = Member("algo-2", Connection(*enter(coordinator, port, "algo-2"), "algo-1"), 5)
        with contextlib.closing(member):
            until(lambda: member.absent == 4998, coordinator, member)
            assert member.missing == names[2:12]


def test_nobody_can_come_under_the_name_of_a_host_that_is_here(coordinator: Coordinator, join: Join) -> None:
    first = join("algo-2")
    until(lambda: coordinator.missing == ["algo-3"], coordinator)
    second = join("algo-2")
    until(lambda: second.is_final, coordinator, second, first)
    assert second.cause is not None
    assert not first.is_final
    assert coordinator.cause is None


JUNK = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {
            "is": st.sampled_from(["here", "start", "alive", "failed", "done", "stopped", "final", "?"]),
            "now": st.just(1),
        },
        optional={
            name: st.none() | st.integers() | st.text(max_size=4) | st.booleans() | st.lists(st.integers(), max_size=1)
            for name in ("host", "job", "rank", "time", "sudden", "text", "missing")
        },
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(JUNK, max_size=5))
@example(lines=[b'{"is":"alive","now":1,"missing":null}'])
@example(lines=[b'{"is":"alive","now":%d}' % 10**400])
@example(lines=[b'{"is":"failed","now":1,"host":"algo-2","rank":null,"time":Infinity,"sudden":true,"text":""}'])
def test_whatever_a_host_sends_neither_side_breaks(lines: list[bytes]) -> None:
    """Even one that has the key."""
    sides = [socket.socketpair() for _ in range(2)]
    (to_coordinator, at_coordinator), (to_member, at_member) = sides
    coordinator = Coordinator("algo-1", HOSTS[:2], KEY, listen("127.0.0.1", 0), 5)
    coordinator._seat(Connection(at_coordinator, Session(KEY, b"", b"listener", b"caller"), "algo-2"))
    confused = Member("algo-2", Connection(at_member, Session(KEY, b"", b"caller", b"listener"), "algo-1"), 5)
    with contextlib.closing(coordinator), contextlib.closing(confused):
        for end, mine, other in ((to_coordinator, b"caller", b"listener"), (to_member, b"listener", b"caller")):
            session = Session(KEY, b"", mine, other)
            with end:
                end.sendall(b"".join(session.seal(line.replace(b"\n", b"")) for line in lines))
        for _ in range(4):
            coordinator.turn(0.01)
            confused.turn(0.01)
        assert coordinator.cause is None or isinstance(coordinator.cause, Cause)


def test_a_host_that_says_what_is_no_message_is_lost(coordinator: Coordinator, port: int) -> None:
    link, session = enter(coordinator, port, "algo-2")
    with link:
        link.sendall(session.seal(b'{"is": "here", "now": 1}') + session.seal(b'{"is": "alive", "now": Infinity}'))
        until(lambda: coordinator.cause is not None, coordinator)
    assert str(coordinator.cause) == "host algo-2: lost: the connection broke"


def test_a_host_speaks_of_its_own_failure_alone(coordinator: Coordinator, port: int, join: Join) -> None:
    join("algo-3")
    link, session = enter(coordinator, port, "algo-2")
    with link:
        for message in ({"is": "here"}, {"is": "failed", **Cause("algo-3", 1, 1.0, False, "x")._asdict()}):
            link.sendall(session.seal(json.dumps({"now": 1, **message}).encode()))
        until(lambda: coordinator.cause is not None, coordinator)
        assert coordinator.cause is not None
        assert coordinator.cause.host == "algo-2"


def test_a_message_that_was_long_on_its_way_does_not_change_when_it_happened(
    coordinator: Coordinator, port: int
) -> None:
    link, session = enter(coordinator, port, "algo-2")
    with link:
        when = time.time() - 100
        for message in ({"is": "here", "now": time.time()}, {"is": "failed", "now": time.time() - 50}):
            cause = Cause("algo-2", 1, when, False, "x")._asdict() if message["is"] == "failed" else {}
            link.sendall(session.seal(json.dumps({**cause, **message}).encode()))
        link.sendall(session.seal(json.dumps({"is": "alive", "now": time.time()}).encode()))
        until(lambda: coordinator.cause is not None, coordinator)
        assert coordinator.cause is not None
        assert abs(coordinator.cause.time - when) < 40


def test_a_difference_of_clocks_does_not_change_who_was_first(coordinator: Coordinator, port: int, join: Join) -> None:
    """The second host's clock is an hour ahead; its failure came first all the same."""
    two, session = enter(coordinator, port, "algo-2")
    with two:
        ahead = 3600.0

        def say(**message: object) -> None:
            two.sendall(session.seal(json.dumps({**message, "now": time.time() + ahead}).encode()))

        say(**{"is": "here"})
        three = join("algo-3")
        until(lambda: coordinator.started, coordinator, three)
        now = time.time()
        three.report_failure(Cause("algo-3", 2, now - 1, False, "ConnectionError: gone"))
        until(lambda: coordinator.cause is not None, coordinator, three)
        say(**{"is": "failed", **Cause("algo-2", 1, now - 2 + ahead, False, "ValueError: bad")._asdict()})
        until(lambda: three.is_final, coordinator, three)
        assert coordinator.cause is not None
        assert (coordinator.cause.host, coordinator.cause.rank, coordinator.cause.text) == (
            "algo-2",
            1,
            "ValueError: bad",
        )
        assert three.cause is not None
        assert three.cause.host == "algo-2"


@given(
    st.lists(
        st.builds(Cause, st.sampled_from(HOSTS), st.none(), st.floats(0, 9), st.booleans(), st.just("text")), min_size=1
    )
)
def test_what_came_from_outside_comes_first_and_then_what_is_earliest(causes: list[Cause]) -> None:
    first = first_of(causes)
    assert first.sudden == any(cause.sudden for cause in causes)
    assert first.time == min(cause.time for cause in causes if cause.sudden == first.sudden)


def test_a_host_that_is_turned_away_is_told_why(
    coordinator: Coordinator, join: Join, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has the key of the job, and so may know."""
    unknown = join("algo-9")
    until(lambda: unknown.cause is not None, coordinator, unknown)
    assert "rejected algo-9" in str(unknown.cause)
    assert "not part of this job" in str(unknown.cause)
    assert "not part of this job" in capfd.readouterr().err
    assert coordinator.missing == HOSTS[1:]


def test_the_last_word_comes_when_all_hosts_have_ended(coordinator: Coordinator, join: Join) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: coordinator.started, coordinator, two, three)
    coordinator.report_end("done")
    two.report_end("done")
    until(lambda: two.master_done and coordinator._at_work == {"algo-3"}, coordinator, two, three)
    assert not coordinator.is_final
    three.report_end("done")
    until(lambda: two.is_final and three.is_final, coordinator, two, three)
    assert coordinator.is_final
    assert coordinator.cause is two.cause is three.cause is None


def test_where_the_master_is_the_last_to_end_nobody_waits_for_its_next_turn(
    coordinator: Coordinator, join: Join
) -> None:
    two, three = join("algo-2"), join("algo-3")
    for each in (two, three):
        each.report_end("done")
    until(lambda: coordinator._at_work == {"algo-1"}, coordinator, two, three)
    assert not coordinator.is_final
    coordinator.report_end("done")
    assert coordinator.is_final
    until(lambda: two.is_final and three.is_final, two, three)


@pytest.mark.parametrize("kind", ["done", "stopped", "ended"])
def test_a_host_that_is_lost_after_it_has_ended_is_no_failure(coordinator: Coordinator, join: Join, kind: str) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: coordinator.started, coordinator, two, three)
    coordinator.report_end("done")
    two.report_end(kind)
    two.close()
    until(lambda: coordinator._at_work == {"algo-3"}, coordinator, three)
    three.close()
    until(lambda: coordinator.is_final, coordinator)
    assert str(coordinator.cause) == "host algo-3: lost: the connection broke"


@pytest.mark.parametrize("kind", ["done", "stopped", "ended"])
def test_a_master_that_is_gone_after_it_has_ended_is_no_failure(
    coordinator: Coordinator, join: Join, kind: str
) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: two.started and three.started, coordinator, two, three)
    coordinator.report_end(kind)
    coordinator.close()
    until(lambda: two.is_final and three.is_final, two, three)
    assert two.cause is three.cause is None
    assert two.master_done == (kind == "done")
    assert two.stopped == ("algo-1" if kind == "stopped" else None)


def test_a_master_that_is_gone_without_a_word_is_the_cause(coordinator: Coordinator, join: Join) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: two.started and three.started, coordinator, two, three)
    coordinator.close()
    until(lambda: two.is_final and three.is_final, two, three)
    assert str(two.cause) == str(three.cause) == "host algo-1: lost: the connection broke"


def test_the_first_host_that_was_asked_to_stop_is_the_one_that_is_named(coordinator: Coordinator, join: Join) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: coordinator.started, coordinator, two, three)
    two.report_end("stopped")
    until(lambda: three.stopped is not None, coordinator, two, three)
    three.report_end("stopped")
    coordinator.report_end("stopped")
    until(lambda: two.is_final and three.is_final, coordinator, two, three)
    assert coordinator.stopped == two.stopped == three.stopped == "algo-2"
    assert coordinator.cause is None


def test_the_last_word_does_not_wait_for_what_could_still_be_heard_when_all_have_ended(
    coordinator: Coordinator, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that has stopped because of another one's failure says so, and has none of its own."""
    monkeypatch.setattr("smc_core.process.hosts.coordinator.SETTLE_SECONDS", 1e6)
    two, three = join("algo-2"), join("algo-3")
    until(lambda: coordinator.started, coordinator, two, three)
    two.report_failure(Cause("algo-2", 1, time.time(), False, "ValueError: bad"))
    three.report_end("ended")
    until(lambda: three.cause is not None and coordinator._at_work == {"algo-1"}, coordinator, two, three)
    assert not three.is_final
    coordinator.report_end("ended")
    until(lambda: two.is_final and three.is_final, coordinator, two, three)
    assert three.cause is not None
    assert three.cause.text == "ValueError: bad"


def test_a_short_time_out_loses_no_host_that_is_well(port: int) -> None:
    """Heartbeats come more often then."""
    with contextlib.closing(Coordinator("algo-1", HOSTS[:2], KEY, listen("127.0.0.1", port), 0.4)) as coordinator:
        member = Member("algo-2", Connection(*enter(coordinator, port, "algo-2"), "algo-1"), 0.4)
        with contextlib.closing(member):
            beats = []
            send = member._connection.send  # type: ignore[union-attr]
            member._connection.send = lambda message: (beats.append(message.kind), send(message))  # type: ignore
            until(lambda: beats.count("alive") >= 12, coordinator, member)
            assert member.started
            assert coordinator.cause is member.cause is None


@pytest.mark.parametrize("word", ["failed", "stopped", "done"])
def test_what_a_member_hears_does_not_grow_with_the_number_of_hosts(word: str) -> None:
    """Each says the same at once; in the worst order, each failure came before those that were reported before."""
    heard = {}
    for count in (4, 64):
        names = [f"algo-{number}" for number in range(1, count + 1)]
        coordinator = Coordinator("algo-1", names, KEY, listen("127.0.0.1", 0), 60)
        ends: dict[str, Connection] = {}
        for name in names[1:]:
            far, near = socket.socketpair()
            ends[name] = Connection(far, Session(KEY, b"", b"caller", b"listener"), "algo-1")
            coordinator._seat(Connection(near, Session(KEY, b"", b"listener", b"caller"), name))
        coordinator._start_if_all_are_here()
        for number, (name, end) in enumerate(ends.items()):
            cause = Cause(name, None, 1000.0 - number, False, "text") if word == "failed" else None
            end.send(Message(word, cause=cause))
            coordinator.turn(1)
        coordinator.report_end("ended")
        until(lambda: coordinator.is_final, coordinator)  # noqa: B023 - called at once
        coordinator.close()
        received = ends[names[-1]].receive()
        assert received is not None
        heard[count] = [message.kind for message in received if message.kind != "alive"]
        if word == "failed":
            assert [message.cause.host for message in received if message.cause] == ["algo-2", names[-1]]
        for end in ends.values():
            end.link.close()
    assert heard[4] == heard[64]


@pytest.mark.parametrize(
    ("name", "others", "bound"),
    [
        ("127.0.0.1", ["127.0.0.2"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.1.1", ["127.0.0.9", "localhost"], "127.0.1.1"),
    ],
)
def test_the_address_at_which_a_host_listens(name: str, others: list[str], bound: str) -> None:
    with listen(name, 0, others) as listener:
        assert listener.getsockname()[0] == bound


@pytest.mark.parametrize("name", ["127.0.1.1", "192.0.2.1", "no.such.host.invalid"])
def test_a_name_that_does_not_say_how_the_others_reach_this_host(name: str) -> None:
    """The name means the loopback interface on this host alone, another machine, or nothing: the route says it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.2", 9))
        except OSError:
            pytest.skip("this machine has no route to another one")
        expected = probe.getsockname()[0]
    with listen(name, 0, ["no.such.host.invalid", "192.0.2.2"]) as listener:
        assert listener.getsockname()[0] == expected


def test_where_no_address_leads_to_the_others_there_is_no_port() -> None:
    with pytest.raises(OSError, match="leads to the other hosts"):
        listen("no.such.host.invalid", 0)


def test_a_connection_to_itself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_itself(*_: object, **__: object) -> socket.socket:
        link = socket.socket()
        link.bind(("127.0.0.1", 0))
        link.connect(link.getsockname())
        return link

    monkeypatch.setattr(socket, "create_connection", to_itself)
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", 1, time.monotonic())


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("other", "the two hosts do not recognise each other; all hosts of a job need"),
        ("same", "did not join within 1 s"),
    ],
)
def test_a_host_with_other_settings_is_not_taken_in_and_says_what_to_look_at(
    port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], secret: str, said: str
) -> None:
    monkeypatch.setenv("SMC_HOST_WAIT", "1")
    monkeypatch.setattr(rendezvous, "_HEAD_START_SECONDS", 0)
    monkeypatch.setenv("SMC_HOST_SECRET", "same")
    names = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    coordinator = Coordinator(names[0], names, host_key(os.environ), listen("127.0.0.1", port), 5)
    monkeypatch.setenv("SMC_HOST_SECRET", secret)
    errors: list[str] = []

    def come() -> None:
        try:
            rendezvous.meet("127.0.0.2", names, port, 5)
        except HostError as error:
            errors.append(str(error))

    with contextlib.closing(coordinator):
        caller = threading.Thread(target=come)
        caller.start()
        until(lambda: not caller.is_alive(), coordinator)
    assert said in errors[0]
    refused = "refused a connection from 127.0.0.1: it did not prove that it belongs to this job"
    assert capfd.readouterr().err.count(refused) == (1 if secret == "other" else 0)
    assert coordinator.missing == (names[1:] if secret == "other" else names[2:])
