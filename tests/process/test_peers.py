"""What the master makes of what comes to its port: only hosts of the job are heard, and only in the proper form."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smc_core.process.hub import Hub
from smc_core.process.peer_link import Cause, connect, first_of, listen
from smc_core.process.peers import Member, Peers

HOSTS = ["algo-1", "algo-2", "algo-3"]
JOB = "digits"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@pytest.fixture
def hub(port: int) -> Iterator[Hub]:
    made = Hub("algo-1", HOSTS, JOB, listen("127.0.0.1", port), 5)
    yield made
    made.close()


def until(condition: Callable[[], bool], *peers: Peers) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        for each in peers:
            each.turn(0.01)


Join = Callable[[str], Member]


@pytest.fixture
def join(port: int) -> Iterator[Join]:
    """Lets a host come."""
    made: list[Member] = []

    def come(name: str) -> Member:
        made.append(Member(name, "algo-1", JOB, connect("127.0.0.1", port, time.monotonic() + 5), 5))
        return made[-1]

    yield come
    for each in made:
        each.close()


def test_all_start_when_the_last_has_come(hub: Hub, join: Join) -> None:
    two = join("algo-2")
    until(lambda: two.missing == ["algo-3"], hub, two)
    assert not hub.started
    three = join("algo-3")
    until(lambda: hub.started and two.started and three.started, hub, two, three)
    assert hub.missing == two.missing == []


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"x" * 200_000,
        b'{"is": "here", "now": 1, "host": "algo-2", "job": "another"}\n',
        b'{"is": "here", "now": 1, "host": "algo-9", "job": "digits"}\n',
        b'{"is": "failed", "now": 1, "host": "algo-2", "rank": 0, "time": 1, "sudden": true, "text": "x"}\n',
    ],
    ids=["another protocol", "no text", "deep", "endless", "another job", "another host", "no introduction"],
)
def test_a_stranger_is_turned_away(hub: Hub, port: int, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.setblocking(False)
        stranger.sendall(line[:50_000])
        gone = False
        deadline = time.monotonic() + 20
        rest = line[50_000:]
        while not gone:
            assert time.monotonic() < deadline
            hub.turn(0.01)
            try:
                rest = rest[stranger.send(rest) :] if rest else rest
                gone = stranger.recv(100) == b""
            except BlockingIOError:
                continue
            except ConnectionError:
                gone = True
    assert hub.missing == ["algo-2", "algo-3"]
    assert hub.cause is None


def test_nobody_can_come_under_the_name_of_a_host_that_is_here(hub: Hub, join: Join) -> None:
    first = join("algo-2")
    until(lambda: hub.missing == ["algo-3"], hub)
    second = join("algo-2")
    until(lambda: second.is_final, hub, second, first)
    assert second.cause is not None
    assert not first.is_final
    assert hub.cause is None


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
def test_whatever_a_host_sends_neither_side_breaks(lines: list[bytes]) -> None:
    here = json.dumps({"is": "here", "now": 1, "host": "algo-2", "job": JOB}).encode()
    listener = listen("127.0.0.1", 0)
    hub = Hub("algo-1", HOSTS[:2], JOB, listener, 5)
    wrong_hub = socket.create_server(("127.0.0.1", 0))
    confused = Member(
        "algo-2", "algo-1", JOB, connect("127.0.0.1", wrong_hub.getsockname()[1], time.monotonic() + 5), 5
    )
    with contextlib.closing(hub), contextlib.closing(confused):
        with socket.create_connection(listener.getsockname()) as stranger, wrong_hub, wrong_hub.accept()[0] as other:
            for end in (stranger, other):
                end.sendall(b"\n".join([here, *lines, b""]))
            for _ in range(4):
                hub.turn(0.01)
                confused.turn(0.01)
        hub.turn(0.05)
        assert hub.cause is None or isinstance(hub.cause, Cause)


def test_a_difference_of_clocks_does_not_change_who_was_first(hub: Hub, port: int, join: Join) -> None:
    """The second host's clock is an hour ahead; its failure came first all the same."""
    with socket.create_connection(("127.0.0.1", port)) as two:
        ahead = 3600.0

        def say(**message: object) -> None:
            two.sendall(json.dumps({**message, "now": time.time() + ahead}).encode() + b"\n")

        say(**{"is": "here", "host": "algo-2", "job": JOB})
        three = join("algo-3")
        until(lambda: hub.started, hub, three)
        now = time.time()
        three.tell_failed(Cause("algo-3", 2, now - 1, False, "ConnectionError: gone"))
        until(lambda: hub.cause is not None, hub, three)
        say(**{"is": "failed", **Cause("algo-2", 1, now - 2 + ahead, False, "ValueError: bad")._asdict()})
        until(lambda: three.is_final, hub, three)
        assert hub.cause is not None
        assert (hub.cause.host, hub.cause.rank, hub.cause.text) == ("algo-2", 1, "ValueError: bad")
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


@pytest.mark.parametrize(
    ("name", "job", "why"),
    [("algo-2", "letters", "'letters' there, and 'digits' here"), ("algo-9", JOB, "none of this job")],
)
def test_a_host_that_is_turned_away_is_told_why(
    hub: Hub, port: int, name: str, job: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stranger = Member(name, "algo-1", job, connect("127.0.0.1", port, time.monotonic() + 5), 5)
    until(lambda: stranger.cause is not None, hub, stranger)
    assert f"turned {name} away" in str(stranger.cause)
    assert why in str(stranger.cause)
    assert why in capfd.readouterr().err
    assert hub.missing == HOSTS[1:]
    stranger.close()


def test_the_master_is_needed_until_the_others_have_ended(hub: Hub, join: Join) -> None:
    two, three = join("algo-2"), join("algo-3")
    until(lambda: hub.started, hub, two, three)
    hub.tell_done()
    two.tell_done()
    until(lambda: "algo-2" in hub._ended, hub, two, three)
    assert not hub.are_over
    three.close()
    until(lambda: hub.are_over, hub, two)
    assert str(hub.cause) == "host algo-3: lost: its connection broke"


@pytest.mark.parametrize(
    ("name", "others", "bound"),
    [
        ("127.0.0.1", ["127.0.0.2"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.1.1", ["192.0.2.1"], "0.0.0.0"),  # a name that means the loopback interface on this host alone
        ("192.0.2.1", ["192.0.2.2"], "0.0.0.0"),
        ("no.such.host.invalid", [], "0.0.0.0"),
    ],
)
def test_the_address_at_which_a_host_listens(name: str, others: list[str], bound: str) -> None:
    with listen(name, 0, others) as listener:
        assert listener.getsockname()[0] == bound


def test_a_connection_to_itself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_itself(*_: object, **__: object) -> socket.socket:
        link = socket.socket()
        link.bind(("127.0.0.1", 0))
        link.connect(link.getsockname())
        return link

    monkeypatch.setattr(socket, "create_connection", to_itself)
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", 1, time.monotonic())
