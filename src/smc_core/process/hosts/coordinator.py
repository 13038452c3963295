"""The master's side of the messages between the hosts of a job.

Messages and memory grow linearly with the number of hosts: a failure or a stop is passed on to all once, however many
hosts report one.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from smc_core.process import log
from smc_core.process.hosts import messages
from smc_core.process.hosts.entrance import Entrance
from smc_core.process.hosts.messages import Cause, Message, first_of
from smc_core.process.hosts.peer_link import Connection
from smc_core.process.hosts.peers import PURPOSE, Peers

SETTLE_SECONDS = 3.0
"""How long after the first report of a failure the coordinator waits for one that happened earlier."""


class Coordinator(Peers):
    """The master's side.

    Args:
        me: name of this host.
        hosts: names of all hosts of the job.
        key: the key of the job; a host without it is refused.
        listener: the socket to which the others connect; it is closed when all have joined.
        timeout: seconds of silence after which a host is lost.

    """

    def __init__(self, me: str, hosts: Sequence[str], key: bytes, listener: socket.socket, timeout: float) -> None:
        super().__init__(me, timeout)
        self._absent = dict.fromkeys(host for host in hosts if host != me)
        self._at_work = {me, *self._absent}
        self._entrance: Entrance | None = Entrance(listener, key, PURPOSE, len(self._absent))
        self._members: dict[str, Connection] = {}
        self._passed_on: Cause | None = None
        self._settled_at: float | None = None
        self._register(self._entrance.fileno(), self._admit)
        self._start_if_all_are_here()  # with no other host, nobody will arrive and cause it

    @property
    def missing(self) -> list[str]:
        """Hosts that have not joined."""
        return list(self._absent)

    @property
    def absent(self) -> int:
        """How many hosts have not joined."""
        return len(self._absent)

    def report_failure(self, cause: Cause) -> None:
        """Record a cause of this host, or one about a host that never joined."""
        self._at_work.discard(self.me)
        self._add(cause)
        self._settle(time.monotonic())

    def report_end(self, kind: str) -> None:
        """Report the master's end to the members."""
        self._at_work.discard(self.me)
        self._send_to_all(Message(kind, host=self.me))
        self._settle(time.monotonic())

    def close(self) -> None:
        """Close all connections; the members know by now how the job ended."""
        self._close_entrance()
        super().close()

    def _close_entrance(self) -> None:
        if self._entrance is not None:
            self._unregister(self._entrance.fileno())
            self._entrance.close()
            self._entrance = None

    def _connections(self) -> list[Connection]:
        return list(self._members.values())

    def _beat(self) -> None:
        self._send_to_all(Message("alive", missing=tuple(self._absent)))

    def _admit(self) -> None:
        for arrival in self._entrance.turn() if self._entrance is not None else []:
            connection = Connection(arrival.link, arrival.session, arrival.name, arrival.rest)
            if arrival.name in self._absent:
                self._seat(connection)
            else:
                self._turn_away(connection)
        self._start_if_all_are_here()

    def _seat(self, connection: Connection) -> None:
        self._members[connection.host] = connection
        del self._absent[connection.host]
        self._register(connection.link, lambda: self._read(connection))
        self._read(connection)  # messages that came together with the first one

    def _turn_away(self, connection: Connection) -> None:
        """Reject a host that has the job's key but no place in it; the reason goes to that host and to this log."""
        why = "it has joined already, or is not part of this job"
        log.line(f"{connection.host} was rejected: {why}")
        cause = Cause(self.me, None, time.time(), False, f"rejected {connection.host}: {why}")
        connection.send(Message("failed", cause=cause))
        connection.link.close()

    def _read(self, connection: Connection) -> None:
        received = connection.receive()
        if received is None:
            self._lose(connection, "the connection broke")
            return
        for message in received:
            self._take(connection, message)

    def _start_if_all_are_here(self) -> None:
        if not self._absent and not self.started:
            self.started = True
            self._close_entrance()
            self._send_to_all(Message("start"))

    def _take(self, connection: Connection, message: Message) -> None:
        host = connection.host
        cause = message.by_clock(connection.ahead)
        if cause is not None:
            self._at_work.discard(host)
            self._add(cause._replace(host=host))  # the name that the host has proved, whatever its message says
        elif message.kind in ("done", "stopped", "ended"):
            self._at_work.discard(host)
            if message.kind == "stopped" and self.stopped is None:
                self.stopped = host
                self._send_to_all(Message("stopped", host=host))

    def _lose(self, connection: Connection, why: str) -> None:
        self._drop(connection)
        host = connection.host
        self._members.pop(host, None)
        if host in self._at_work:  # one that has reported its end may disconnect
            self._at_work.discard(host)
            self._add(Cause(host, None, time.time(), True, f"lost: {why}"))

    def _add(self, cause: Cause) -> None:
        """Record a cause. The first is passed on at once; which one counts in the end is settled later."""
        if self.is_final:
            return
        if self.cause is None:
            self._settled_at = time.monotonic() + SETTLE_SECONDS
            self.cause = cause
            self._pass_on()
        else:
            self.cause = first_of([self.cause, cause])

    def _pass_on(self) -> None:
        if self.cause is not None and self.cause != self._passed_on:
            self._passed_on = self.cause
            self._send_to_all(Message("failed", cause=self.cause))

    def _on_turn(self, now: float) -> None:
        if self._entrance is not None:
            self._admit()  # also drops strangers that have been silent for too long
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Send ``final`` once nothing can change any more: all hosts have ended, or the settling time is over."""
        is_settled = self._settled_at is not None and now >= self._settled_at
        if not self.is_final and (is_settled or not self._at_work):
            self.is_final = True
            self._pass_on()
            self._send_to_all(Message("final"))

    def _send_to_all(self, message: Message) -> None:
        line = messages.to_line(message)  # once for all; each connection seals it with its own key
        for connection in self._members.values():
            connection.send_line(line)
