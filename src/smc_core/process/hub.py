"""The master's side of what the hosts of a job tell each other."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Any

from smc_core.process import log
from smc_core.process.peer_link import Cause, Connection, first_of, read_cause
from smc_core.process.peers import Peers

SETTLE_SECONDS = 3.0
"""Seconds after the first failure in which one that happened earlier can still be heard of."""
_INTRODUCTION_SECONDS = 10.0
_LONGEST_NAME = 100


class Hub(Peers):
    """The master's side.

    Args:
        me: name of this host.
        hosts: names of all hosts of the job.
        job: name of the job: who comes with another is turned away.
        listener: the socket at which the others come.
        timeout: seconds of silence after which a host is lost.

    """

    def __init__(self, me: str, hosts: Sequence[str], job: str, listener: socket.socket, timeout: float) -> None:
        super().__init__(me, timeout)
        self.missing = [host for host in hosts if host != me]
        self._job = job
        self._listener = listener
        self._members: dict[str, Connection] = {}
        self._strangers: list[Connection] = []
        self._ended: set[str] = set()
        self._causes: dict[str, Cause] = {}
        self._settled_at: float | None = None
        listener.setblocking(False)
        self._register(listener, self._accept)
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
        self._tell_all({"is": "done", "host": self.me})

    def tell_stopped(self) -> None:
        """Tell the members that the master was asked to end."""
        self._ended.add(self.me)
        self._tell_all({"is": "stopped", "host": self.me})

    def close(self) -> None:
        """Leave; the members know by now how it ended."""
        super().close()
        self._listener.close()

    def _connections(self) -> list[Connection]:
        return [*self._members.values(), *self._strangers]

    def _beat(self) -> None:
        for connection in self._members.values():
            connection.send(**{"is": "alive", "missing": self.missing})

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection = Connection(self._listener.accept()[0])
            self._strangers.append(connection)
            self._register(connection.link, lambda: self._read(connection))

    def _read(self, connection: Connection) -> None:
        messages = connection.receive()
        if messages is None:
            self._lose(connection, "its connection broke")
            return
        for message in messages:
            if connection.host:
                self._take(connection, message)
            elif not self._introduce(connection, message):
                self._strangers.remove(connection)
                self._drop(connection)
                return

    def _introduce(self, connection: Connection, message: dict[str, Any]) -> bool:
        host = message.get("host")
        if message["is"] != "here":
            return False
        if message.get("job") != self._job or host not in self.missing:
            self._turn_away(connection, message)
            return False
        self._strangers.remove(connection)
        connection.host = str(host)
        self._members[connection.host] = connection
        self.missing.remove(connection.host)
        self._start_if_all_are_here()
        return True

    def _turn_away(self, connection: Connection, message: dict[str, Any]) -> None:
        """Tell a host that is none of those that are missing, and the reader of this host's log, what is wrong."""
        host, job = (str(message.get(each))[:_LONGEST_NAME] for each in ("host", "job"))
        why = "that host is here already, or none of this job"
        if job != self._job:
            why = f"its job is called {job!r} there, and {self._job!r} here"
        log.line(f"{host} was turned away: {why}")
        cause = Cause(self.me, None, time.time(), False, f"turned {host} away: {why}")
        connection.send(**{"is": "failed", **cause._asdict()})

    def _start_if_all_are_here(self) -> None:
        if not self.missing:
            self.started = True
            self._tell_all({"is": "start"})

    def _take(self, connection: Connection, message: dict[str, Any]) -> None:
        kind, host = message["is"], connection.host
        if kind == "failed":
            cause = read_cause(message, time.time() - message["now"])
            if cause is not None:
                self._ended.add(host)
                self._add(cause)
        elif kind in ("done", "stopped"):
            self._ended.add(host)
            if kind == "stopped":
                self.stopped = host
                self._tell_all({"is": "stopped", "host": host})

    def _lose(self, connection: Connection, why: str) -> None:
        self._drop(connection)
        if connection in self._strangers:
            self._strangers.remove(connection)
            return
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
            self._tell_all({"is": "failed", **first._asdict()})

    def _on_turn(self, now: float) -> None:
        for stranger in [each for each in self._strangers if now - each.since > _INTRODUCTION_SECONDS]:
            self._lose(stranger, "it did not say who it is")
        if self._settled_at is None or self.is_final:
            return
        if now >= self._settled_at or self._ended >= {self.me, *self._members}:
            self.is_final = True
            self._tell_all({"is": "final"})

    def _tell_all(self, message: dict[str, Any]) -> None:
        for connection in self._members.values():
            connection.send(**message)
