"""The other hosts of a job as one host sees them: what coordinator and members have in common, and the members."""

from __future__ import annotations

import contextlib
import selectors
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from smc_core.process.hosts.messages import Cause, Message
from smc_core.process.hosts.peer_link import Connection

PURPOSE = "watch"
"""The purpose of the connections between the hosts of a job, as named in their handshake."""
BEAT_SECONDS = 2.0
"""Seconds between two heartbeats; fewer where the time-out is short."""


class Peers(ABC):
    """The other hosts, as one host sees them.

    Args:
        me: name of this host.
        timeout: seconds of silence after which a host is lost.

    Attributes:
        started: whether all hosts have joined.
        cause: why the job fails, as far as is known; None while no host has failed.
        is_final: whether that cannot change any more: all hosts have ended, the coordinator has decided which cause
            counts, or it is gone.
        master_done: whether the master host has succeeded.
        stopped: name of the first host that has stopped because it was asked to; None where none has.

    """

    def __init__(self, me: str, timeout: float) -> None:
        self.me = me
        self.started = self.is_final = self.master_done = False
        self.cause: Cause | None = None
        self.stopped: str | None = None
        self._timeout = timeout
        self._beat_seconds = min(BEAT_SECONDS, timeout / 4)  # so that a single late heartbeat is no loss
        self._selector = selectors.DefaultSelector()
        self._next_beat = self._last_turn = time.monotonic()

    @property
    @abstractmethod
    def missing(self) -> list[str]:
        """Hosts that have not joined; if they are many, a member knows only some."""

    @property
    @abstractmethod
    def absent(self) -> int:
        """How many hosts have not joined."""

    def wake(self, descriptor: int, do: Callable[[], None]) -> None:
        """Let a readable descriptor end a wait, too; ``do`` is called to read it."""
        self._register(descriptor, do)

    def turn(self, seconds: float) -> None:
        """Wait for messages for at most ``seconds``, and handle them."""
        wait = max(0.0, min(seconds, self._next_beat - time.monotonic()))
        for key, _ in self._selector.select(wait):
            key.data()
        now = time.monotonic()
        if now - self._last_turn > wait + self._beat_seconds:  # this host itself was suspended: silence is no sign
            for connection in self._connections():
                connection.heard = now
        self._last_turn = now
        self._on_turn(now)
        if now >= self._next_beat:  # not in every turn: turns are as frequent as messages
            self._next_beat = now + self._beat_seconds
            self._beat()
            self._lose_the_silent(now)

    @abstractmethod
    def report_failure(self, cause: Cause) -> None:
        """Report to the others that this host's command has failed."""

    @abstractmethod
    def report_end(self, kind: str) -> None:
        """Report to the others that this host has ended, and how.

        Args:
            kind: ``done``, ``stopped`` or ``ended``, as a message has it.

        """

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections():
            connection.link.close()
        self._selector.close()

    @abstractmethod
    def _connections(self) -> list[Connection]: ...

    def _beat(self) -> None:
        for connection in self._connections():
            connection.send(Message("alive"))

    def _on_turn(self, now: float) -> None:  # noqa: B027 - only the coordinator has anything due
        """Do what is due in every turn."""

    @abstractmethod
    def _lose(self, connection: Connection, why: str) -> None: ...

    def _lose_the_silent(self, now: float) -> None:
        for connection in self._connections():
            if now - connection.heard > self._timeout:
                self._lose(connection, f"no heartbeat for {self._timeout:g} s")

    def _register(self, source: Any, do: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, do)

    def _unregister(self, source: Any) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def _drop(self, connection: Connection) -> None:
        self._unregister(connection.link)
        connection.link.close()


class Member(Peers):
    """The side of every host but the master.

    Args:
        me: name of this host.
        connection: the connection to the master, which has proved itself.
        timeout: seconds of silence after which the master is lost.

    """

    def __init__(self, me: str, connection: Connection, timeout: float) -> None:
        super().__init__(me, timeout)
        self._master = connection.host
        self._master_has_ended = False
        self._missing: list[str] = []
        self._absent = 0
        self._connection: Connection | None = connection
        self._register(connection.link, self._read)
        connection.send(Message("here"))

    @property
    def missing(self) -> list[str]:
        """Some of the hosts that have not joined, from the master's last message."""
        return self._missing

    @property
    def absent(self) -> int:
        """How many hosts have not joined, from the master's last message."""
        return self._absent

    def report_failure(self, cause: Cause) -> None:
        """Report it to the master; if the master is gone, this host's own failure is the first that it knows of."""
        self._send(Message("failed", cause=cause))
        if self._connection is None and self.cause is None:
            self.cause, self.is_final = cause, True

    def report_end(self, kind: str) -> None:
        """Report it to the master."""
        self._send(Message(kind))

    def _connections(self) -> list[Connection]:
        return [] if self._connection is None else [self._connection]

    def _send(self, message: Message) -> None:
        if self._connection is not None:
            self._connection.send(message)

    def _read(self) -> None:
        if self._connection is None:
            return
        messages = self._connection.receive()
        for message in messages or []:
            self._take(message, self._connection.ahead)
        if messages is None:
            self._lose(self._connection, "the connection broke")

    def _take(self, message: Message, ahead: float) -> None:
        kind = message.kind
        if kind == "start":
            self.started, self._missing, self._absent = True, [], 0
        elif kind == "alive" and not self.started:
            self._missing, self._absent = list(message.missing), message.absent
        elif kind == "failed":
            self.cause = message.by_clock(ahead)
        elif kind == "final":
            self.is_final = True
        elif kind in ("done", "stopped", "ended"):
            self._note_end(kind, message.host)

    def _note_end(self, kind: str, host: str) -> None:
        self._master_has_ended = self._master_has_ended or host == self._master
        self.master_done = self.master_done or kind == "done"
        if kind == "stopped":
            self.stopped = self.stopped or host

    def _lose(self, connection: Connection, why: str) -> None:
        self._drop(connection)
        self._connection = None
        if self.cause is None and not self._master_has_ended:
            self.cause = Cause(self._master, None, time.time(), True, f"lost: {why}")
        self.is_final = True  # without the coordinator, nothing can change it
