"""Who comes to the master's port: hosts that prove themselves, and strangers, who learn nothing and cost nothing."""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smc_core.process.hosts import entrance
from smc_core.process.hosts.entrance import Arrival, Entrance
from smc_core.process.hosts.handshake import Challenge, RefusedError, Session, call
from smc_core.process.hosts.peer_link import listen

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PURPOSE = "watch"
WAIT = 20.0


class Door(Entrance):
    """An entrance that closes in the end whom it has let in."""

    admitted: list[Arrival]

    def turn(self, seconds: float = 0.0) -> list[Arrival]:
        arrivals = super().turn(seconds)
        self.admitted += arrivals
        return arrivals


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door(listen("127.0.0.1", 0), KEY, PURPOSE, 2)
    made.admitted = []
    yield made
    made.close()
    for arrival in made.admitted:
        arrival.link.close()


def address(door: Door) -> tuple[str, int]:
    host, port = door._listener.getsockname()
    return host, port


def until(door: Door, condition: Callable[[], object]) -> list[Arrival]:
    arrivals, deadline = [], time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        arrivals += door.turn(0.01)
    return arrivals


class Caller(threading.Thread):
    """A host that comes, in a thread of its own."""

    def __init__(self, to: tuple[str, int], key: bytes = KEY, name: str = "algo-2", purpose: str = PURPOSE) -> None:
        super().__init__()
        self.link = socket.create_connection(to)
        self.arguments = (self.link, key, purpose, name, WAIT)
        self.session: Session | None = None
        self.refused = False
        self.start()

    def run(self) -> None:
        try:
            self.session = call(*self.arguments)
            self.link.sendall(self.session.seal(b"first") + self.session.seal(b"second"))
        except (RefusedError, OSError):
            self.refused = True


def test_a_host_that_has_the_key_comes_in_and_what_it_says_is_its_own(door: Door) -> None:
    caller = Caller(address(door))
    with caller.link:
        [arrival] = until(door, lambda: door.admitted)
        caller.join(WAIT)
        assert (arrival.name, arrival.first) == ("algo-2", b"first")
        rest = arrival.rest or arrival.link.recv(1000)
        assert arrival.session.open(rest.rstrip(b"\n")) == b"second"
        assert caller.session is not None
        assert caller.session.open(arrival.session.seal(b"welcome")[:-1]) == b"welcome"


@pytest.mark.parametrize(("key", "purpose"), [(OTHER_KEY, PURPOSE), (KEY, "mpi")], ids=["key", "purpose"])
def test_a_host_with_another_key_learns_nothing_and_is_logged(
    door: Door, key: bytes, purpose: str, capfd: pytest.CaptureFixture[str]
) -> None:
    caller = Caller(address(door), key=key, purpose=purpose)
    assert until(door, lambda: not caller.is_alive()) == []
    assert caller.refused
    caller.link.close()
    assert capfd.readouterr().err == (
        "smc: refused a connection from 127.0.0.1: it did not prove that it belongs to this job\n"
    )


def test_a_listener_that_has_not_the_key_is_not_believed() -> None:
    """Whoever takes the master's port first gets a proof, and can give none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = Caller(listener.getsockname()[:2])
        link = listener.accept()[0]
        with link, caller.link:
            challenge = Challenge(OTHER_KEY, PURPOSE)
            link.sendall(challenge.line)
            mine = link.recv(1000)
            link.sendall(mine.split(b" ")[1] + b"\n")  # its own proof, sent back to it
            caller.join(WAIT)
            assert caller.refused


def test_a_recorded_handshake_is_worth_nothing(door: Door) -> None:
    """A stranger who has heard all of a host's lines says them again."""
    heard: list[bytes] = []

    class Tap(socket.socket):
        def sendall(self, data: bytes, *flags: int) -> None:  # type: ignore[override]
            heard.append(data)
            super().sendall(data, *flags)

    with Tap() as link:
        link.connect(address(door))
        caller = threading.Thread(target=lambda: link.sendall(call(link, KEY, PURPOSE, "algo-2", WAIT).seal(b"here")))
        caller.start()
        arrivals = until(door, lambda: len(heard) == 2 and not caller.is_alive() and not door._strangers)
        assert [arrival.name for arrival in arrivals] == ["algo-2"]
    with socket.create_connection(address(door)) as again:
        again.sendall(b"".join(heard))
        again.settimeout(WAIT)
        assert until(door, lambda: door._strangers) == until(door, lambda: not door._strangers) == []
        assert len(_read_all(again)) in (0, 65)  # the challenge at most, and then the end


def _read_all(link: socket.socket) -> bytes:
    found = b""
    try:
        while data := link.recv(1000):
            found += data
    except ConnectionError:
        pass
    return found


def test_no_message_can_be_repeated_reordered_or_sent_back() -> None:
    mine, theirs = Session(KEY, b"both", b"caller", b"listener"), Session(KEY, b"both", b"listener", b"caller")
    one, two = mine.seal(b"one")[:-1], mine.seal(b"two")[:-1]
    for wrong in (
        two,
        theirs.seal(b"one")[:-1],
        one[:-1] + b"f",
        one[1:],
        b"",
        Session(KEY, b"other", b"caller", b"listener").seal(b"one")[:-1],
    ):
        with pytest.raises(RefusedError):
            theirs.open(wrong)
    assert theirs.open(one) == b"one"
    with pytest.raises(RefusedError):
        theirs.open(one)
    assert theirs.open(two) == b"two"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_nothing_but_a_proof_is_an_answer(line: bytes) -> None:
    with pytest.raises(RefusedError):
        Challenge(KEY, PURPOSE).answer(line)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\n", b"x" * 200_000, b"a" * 64 + b" " + b"b" * 64 + b" 00\n"],
    ids=["HTTP", "TLS", "endless", "form"],
)
def test_garbage_costs_its_connection_alone(door: Door, data: bytes) -> None:
    stranger = socket.create_connection(address(door))
    with stranger:
        threading.Thread(target=_send, args=(stranger, data), daemon=True).start()
        assert until(door, lambda: door._strangers) == []
        assert until(door, lambda: not door._strangers) == []
        caller = Caller(address(door))
        assert [arrival.name for arrival in until(door, lambda: door.admitted)] == ["algo-2"]
        caller.join(WAIT)
        caller.link.close()


def _send(link: socket.socket, data: bytes) -> None:
    try:
        link.sendall(data)
    except OSError:
        return


@pytest.mark.parametrize("trickle", [b"", b"a"], ids=["silent", "byte by byte"])
def test_who_takes_too_long_is_dropped(door: Door, monkeypatch: pytest.MonkeyPatch, trickle: bytes) -> None:
    monkeypatch.setattr(door, "_patience", 0.5)
    with socket.create_connection(address(door)) as stranger:
        until(door, lambda: door._strangers)

        def gone() -> bool:
            if trickle:
                _send(stranger, trickle)
            return not door._strangers

        assert until(door, gone) == []


def test_a_caller_does_not_wait_for_ever_for_a_slow_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as link:
        slow = listener.accept()[0]
        ended = threading.Event()

        def trickle() -> None:
            while not ended.wait(0.05):
                _send(slow, b"0")

        thread = threading.Thread(target=trickle)
        thread.start()
        with slow, pytest.raises(TimeoutError):
            call(link, KEY, PURPOSE, "algo-2", 0.3)
        ended.set()
        thread.join()


def test_one_address_with_many_connections_does_not_keep_a_host_out(door: Door) -> None:
    flood = [socket.create_connection(address(door)) for _ in range(60)]
    until(door, lambda: len(door._strangers) == 2 + 16)
    other = socket.socket()
    other.bind(("127.0.0.2", 0))
    other.connect(address(door))
    until(door, lambda: any(stranger.address == "127.0.0.2" for stranger in door._strangers))
    flood += [socket.create_connection(address(door)) for _ in range(60)]
    for _ in range(300):
        door.turn(0)
        assert len(door._strangers) <= 2 + 16
    assert any(stranger.address == "127.0.0.2" for stranger in door._strangers)
    for link in (*flood, other):
        link.close()


FLOOD = """
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
links = []
for number in range(1800):
    links.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20))
print("all are here", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096, reason="the stranger needs 4,096 descriptors")
def test_1800_silent_connections_at_1024_descriptors(door: Door) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    flood = subprocess.Popen(
        [sys.executable, "-c", FLOOD, str(address(door)[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with flood:
        assert flood.stdin is not None
        assert flood.stdout is not None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(flood.stdout, selectors.EVENT_READ)
                assert until(door, lambda: selector.select(0)) == []
            assert len(os.listdir("/proc/self/fd")) < 300
            caller = Caller(address(door))
            until(door, lambda: door.admitted)
            assert [arrival.name for arrival in door.admitted] == ["algo-2"]
            caller.link.close()
        finally:
            flood.stdin.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_without_descriptors_it_waits_and_does_not_spin(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(address(door)) as first, socket.create_connection(address(door)) as second:
        used = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, before[1]))
        taken = []
        try:
            while True:  # no gap is left
                try:
                    taken.append(os.dup(0))
                except OSError:
                    break
            asked = 0

            def count(_: float = 0) -> None:
                nonlocal asked
                asked += 1

            monkeypatch.setattr(entrance, "PAUSE_SECONDS", 60)
            pause = door._pause
            monkeypatch.setattr(door, "_pause", lambda: (count(), pause()))
            for _ in range(50):
                door.turn(0)
            assert asked == 1
            assert not door._strangers
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        door._paused_until = time.monotonic()
        until(door, lambda: len(door._strangers) == 2)
        first.close()
        second.close()


def test_a_handshake_shows_nothing_of_the_job(door: Door) -> None:
    """Not its name, not its hosts, not the key: what a stranger reads is a random number."""
    seen = set()
    for _ in range(2):
        with socket.create_connection(address(door)) as stranger:
            until(door, lambda: door._strangers)
            stranger.settimeout(WAIT)
            line = stranger.recv(1000)
            assert len(bytes.fromhex(line.decode())) == 32
            seen.add(line)
        until(door, lambda: not door._strangers)
    assert len(seen) == 2


def test_the_key_is_what_only_the_hosts_share(tmp_path_factory: pytest.TempPathFactory) -> None:
    from smc_core.process.hosts.host_key import host_key

    def key(text: str = '{"a": "1", "b": "2"}', **variables: str) -> bytes:
        base = tmp_path_factory.mktemp("job")
        (base / "input/config").mkdir(parents=True)
        (base / "input/config/hyperparameters.json").write_text(text)
        return host_key({"SAGEMAKER_BASE_DIR": str(base), "SM_HOSTS": '["algo-1"]', **variables})

    assert key() == key('{"b": "2", "a": "1"}')
    different = [
        key(),
        key('{"a": "1", "b": "3"}'),
        key(SM_HOSTS='["algo-2"]'),
        key(TRAINING_JOB_ARN="arn:1"),
        key(SAGEMAKER_JOB_NAME="arn:1"),
        key(SMC_HOST_SECRET="s"),
        host_key({"SAGEMAKER_BASE_DIR": "/nowhere"}),
    ]
    assert len(set(different)) == len(different)
    assert key(SMC_HOST_SECRET="s") == key("{}", SMC_HOST_SECRET="s", SM_HOSTS="[]")
    assert json.dumps(sorted({len(each) for each in different})) == "[32]"
