"""The master's side of what the hosts of a job tell each other."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from smc_core.process import log
from smc_core.process.hosts.entrance import Entrance
from smc_core.process.hosts.messages import Cause, Message, first_of
from smc_core.process.hosts.peer_link import Connection
from smc_core.process.hosts.peers import PURPOSE, Peers

SETTLE_SECONDS = 3.0
"""Seconds after the first failure in which one that happened earlier can still be heard of."""


class Hub(Peers):
    """The master's side.

    Args:
        me: name of this host.
        hosts: names of all hosts of the job.
        key: the key of the job; who does not have it is refused.
        listener: the socket at which the others come; it is closed when all are here.
        timeout: seconds of silence after which a host is lost.

    """

    def __init__(self, me: str, hosts: Sequence[str], key: bytes, listener: socket.socket, timeout: float) -> None:
        super().__init__(me, timeout)
        self.missing = [host for host in hosts if host != me]
        self._entrance: Entrance | None = Entrance(listener, key, PURPOSE, len(self.missing))
        self._members: dict[str, Connection] = {}
        self._ended: set[str] = set()
        self._causes: dict[str, Cause] = {}
        self._settled_at: float | None = None
        self._register(self._entrance.fileno(), self._admit)
        self._start_if_all_are_here()

    @property
    def are_over(self) -> bool:
        """Whether the others have all ended, or know why they have to: they hear of it from the master alone."""
        return self.is_final if self.cause is not None else self._ended >= set(self._members)

    def tell_failed(self, cause: Cause) -> None:
        """Take in a cause of this host's own, or about a host that never came."""
        self._add(cause)
        self._ended.add(self.me)

    def tell_done(self) -> None:
        """Tell the members that the master has ended well."""
        self._ended.add(self.me)
        self._tell_all(Message("done", host=self.me))

    def tell_stopped(self) -> None:
        """Tell the members that the master was asked to end."""
        self._ended.add(self.me)
        self._tell_all(Message("stopped", host=self.me))

    def close(self) -> None:
        """Leave; the members know by now how it ended."""
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
        self._tell_all(Message("alive", missing=tuple(self.missing)))

    def _admit(self) -> None:
        for arrival in self._entrance.turn() if self._entrance is not None else []:
            connection = Connection(arrival.link, arrival.session, arrival.name, arrival.rest)
            if arrival.name in self.missing:
                self._seat(connection)
            else:
                self._turn_away(connection)
        self._start_if_all_are_here()

    def _seat(self, connection: Connection) -> None:
        self._members[connection.host] = connection
        self.missing.remove(connection.host)
        self._register(connection.link, lambda: self._read(connection))
        self._read(connection)  # what has come with its first message

    def _turn_away(self, connection: Connection) -> None:
        """Say what is wrong to a host that has the job's key and no seat, and to the reader of this host's log."""
        why = "that host is here already, or none of this job"
        log.line(f"{connection.host} was turned away: {why}")
        cause = Cause(self.me, None, time.time(), False, f"turned {connection.host} away: {why}")
        connection.send(Message("failed", cause=cause))
        connection.link.close()

    def _read(self, connection: Connection) -> None:
        messages = connection.receive()
        if messages is None:
            self._lose(connection, "its connection broke")
            return
        for message in messages:
            self._take(connection, message)

    def _start_if_all_are_here(self) -> None:
        if not self.missing and not self.started:
            self.started = True
            self._close_entrance()
            self._tell_all(Message("start"))

    def _take(self, connection: Connection, message: Message) -> None:
        host = connection.host
        cause = message.by_clock(connection.ahead)
        if cause is not None:
            self._ended.add(host)
            self._add(cause._replace(host=host))
        elif message.kind in ("done", "stopped"):
            self._ended.add(host)
            if message.kind == "stopped":
                self.stopped = host
                self._tell_all(Message("stopped", host=host))

    def _lose(self, connection: Connection, why: str) -> None:
        self._drop(connection)
        host = connection.host
        self._members.pop(host, None)
        if host not in self._ended:
            self._ended.add(host)
            self._add(Cause(host, None, time.time(), True, f"lost: {why}"))

    def _add(self, cause: Cause) -> None:
        """Take a cause in, and tell everybody where it is the first by now."""
        if self.is_final:
            return
        self._causes[cause.host] = cause
        self._settled_at = self._settled_at or time.monotonic() + SETTLE_SECONDS
        first = first_of(list(self._causes.values()))
        if first != self.cause:
            self.cause = first
            self._tell_all(Message("failed", cause=first))

    def _on_turn(self, now: float) -> None:
        if self._entrance is not None:
            self._admit()  # those who have said nothing for too long have to go
        if self._settled_at is None or self.is_final:
            return
        if now >= self._settled_at or self._ended >= {self.me, *self._members}:
            self.is_final = True
            self._tell_all(Message("final"))

    def _tell_all(self, message: Message) -> None:
        for connection in self._members.values():
            connection.send(message)
