"""The coordinator of a job's hosts, alone, or all the members that it has: two programs for ``topics/coordinator.py``.

It is the one place of the benchmarks that knows what is inside of smc: the hosts' own code, without the jobs around it.

    python coordinator.py coordinate PORT MEMBERS
    python coordinator.py members PORT MEMBERS
"""

from __future__ import annotations

import selectors
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from smc_core.process.hosts.coordinator import Coordinator
from smc_core.process.hosts.messages import Cause, Message
from smc_core.process.hosts.peer_link import Connection, join, listen
from smc_core.process.hosts.peers import PURPOSE

KEY = b"a key of thirty-two bytes, or so"
MASTER = "127.0.0.1"
TIMEOUT = 30.0
JOINING = 16
"""Members that prove themselves at the same time."""
PATIENCE = 120.0


def coordinate(port: int, members: int) -> None:
    """Be the coordinator until nobody needs it any more."""
    names = [f"member-{number}" for number in range(members)]
    peers = Coordinator(MASTER, [MASTER, *names], KEY, listen(MASTER, port), TIMEOUT)
    print("listening", flush=True)
    while not peers.is_final:
        peers.turn(1.0)
    peers.turn(0)
    peers.close()


def be_members(port: int, members: int) -> None:
    """Be all members: join, say when the job starts, fail on request, and say when the last has the final word."""
    deadline = time.monotonic() + PATIENCE

    def member(number: int) -> Connection:
        name = f"member-{number}"
        connection = Connection(*join(name, MASTER, port, KEY, PURPOSE, deadline), MASTER)
        connection.send(Message("here"))
        return connection

    print(time.monotonic(), flush=True)
    with ThreadPoolExecutor(JOINING) as pool:
        connections = list(pool.map(member, range(members)))
    _hear(connections, "start")
    print(time.monotonic(), flush=True)
    selector = _selector(connections)
    selector.register(sys.stdin, selectors.EVENT_READ)
    next_beat = time.monotonic()
    asked = False
    while not asked:
        for key, _ in selector.select(max(0.0, next_beat - time.monotonic())):
            asked = asked or key.fileobj is sys.stdin
            if key.data is not None:
                key.data.receive()
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + 2.0
            for connection in connections:
                connection.send(Message("alive"))
    connections[0].send(Message("failed", cause=Cause("member-0", 0, time.time(), False, "ValueError: bad batch")))
    print(time.monotonic(), flush=True)
    _hear(connections, "final")
    print(time.monotonic(), flush=True)


def _selector(connections: list[Connection]) -> selectors.BaseSelector:
    selector = selectors.DefaultSelector()
    for connection in connections:
        selector.register(connection.link, selectors.EVENT_READ, connection)
    return selector


def _hear(connections: list[Connection], kind: str) -> None:
    """Until every member has heard a message of this kind."""
    selector, deaf = _selector(connections), len(connections)
    while deaf:
        for key, _ in selector.select(PATIENCE):
            messages = key.data.receive()
            if messages is None:
                raise SystemExit(f"the coordinator has gone before it said {kind}")
            if any(message.kind == kind for message in messages):
                selector.unregister(key.fileobj)  # the coordinator may go
                deaf -= 1


if __name__ == "__main__":
    {"coordinate": coordinate, "members": be_members}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
