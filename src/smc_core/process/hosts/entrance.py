"""The listener for other hosts; it hands connections over only once they have proved themselves.

A connection that misbehaves harms only itself. A stranger gets a few hundred bytes and ten seconds. The number of
strangers is limited: for one more, the oldest one of the address with the most strangers is dropped, so that a single
machine cannot keep the others out. A process that runs out of descriptors drops a stranger and pauses for a moment.
Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from smc_core.process import log
from smc_core.process.hosts.handshake import (
    LONGEST_INTRODUCTION,
    SEAL_BYTES,
    Challenge,
    RefusedError,
    Session,
)
from smc_core.process.hosts.messages import LONGEST_LINE
from smc_core.settings import HOST_HANDSHAKE, HOST_STRANGERS

PAUSE_SECONDS = 0.5
"""For which no connection is accepted after this process has run out of descriptors."""
_AT_ONCE = 8
"""Connections accepted in a row before any is read. Few: else one could be dropped before its answer is read."""
_LOGGED_ADDRESSES = 8
"""Refused addresses that get a line in the log."""


class Arrival(NamedTuple):
    """A connection that has proved itself.

    Attributes:
        link: the connection.
        session: seals and opens its messages.
        name: name of the host that connected.
        first: its first message.
        rest: what came after that.

    """

    link: socket.socket
    session: Session
    name: str
    first: bytes
    rest: bytes


class _Stranger:
    """A connection that has not proved itself yet."""

    def __init__(self, link: socket.socket, address: str, challenge: Challenge) -> None:
        self.link = link
        self.address = address
        self.since = time.monotonic()
        self._challenge = challenge
        self._session: Session | None = None
        self._name = ""
        self._in = b""

    def read(self) -> Arrival | None:
        """Read what has come.

        Returns:
            The connection, once it has proved itself; None before.

        Raises:
            RefusedError: it does not belong to this job.
            OSError: it is closed.

        """
        longest = LONGEST_INTRODUCTION if self._session is None else SEAL_BYTES + LONGEST_LINE
        with contextlib.suppress(BlockingIOError):
            data = self.link.recv(longest - len(self._in) + 1)
            if not data:
                raise ConnectionResetError
            self._in += data
        line, end, rest = self._in.partition(b"\n")
        if not end:
            if len(self._in) > longest:
                raise RefusedError
            return None
        self._in = rest
        if self._session is not None:
            return Arrival(self.link, self._session, self._name, self._session.open(line), rest)
        self._name, proof, self._session = self._challenge.answer(line)
        self.link.send(proof)  # a full buffer at this point is misbehaviour, and the error drops the connection
        return self.read() if rest else None


class Entrance:
    """Accepts connections, and keeps them until they have proved themselves or are refused.

    Args:
        listener: the socket to which they connect.
        key: the key of the job's hosts.
        purpose: what the connections are for.
        hosts: how many hosts are waited for.
        environ: the variables, for the limits: ``SMC_HOST_STRANGERS`` and ``SMC_HOST_HANDSHAKE``.

    """

    def __init__(
        self, listener: socket.socket, key: bytes, purpose: str, hosts: int, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._listener = listener
        self._key = key
        self._purpose = purpose
        self._most = hosts + HOST_STRANGERS.of(environ)
        self._patience = HOST_HANDSHAKE.of(environ)
        self._strangers: dict[_Stranger, None] = {}  # in the order in which they came
        self._logged: set[str] = set()
        self._selector = selectors.EpollSelector()
        self._paused_until: float | None = None
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`turn` has something to do."""
        return self._selector.fileno()

    def turn(self, seconds: float = 0.0) -> list[Arrival]:
        """Handle what has arrived; wait for at most ``seconds``.

        Returns:
            The connections that have proved themselves by now; they belong to the caller.

        """
        arrivals = []
        for key, _ in self._selector.select(seconds):
            if key.data is not None and key.data in self._strangers:  # it may have been dropped for another
                arrival = self._read(key.data)
                arrivals += [arrival] if arrival else []
            elif key.data is None:
                for _ in range(_AT_ONCE):
                    if not self._accept():
                        break
        self._expire(time.monotonic())
        return arrivals

    def close(self) -> None:
        """Drop all strangers and stop listening."""
        for stranger in list(self._strangers):
            self._drop(stranger)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> bool:
        """Accept one connection; returns whether there may be more."""
        try:
            link, address = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._pause()
            return False
        if len(self._strangers) >= self._most:
            self._drop(self._least_welcome())
        link.setblocking(False)
        stranger = _Stranger(link, str(address[0]), challenge := Challenge(self._key, self._purpose))
        self._strangers[stranger] = None
        try:
            self._selector.register(link, selectors.EVENT_READ, stranger)
            link.send(challenge.line)
        except OSError:
            self._drop(stranger)
        return True

    def _least_welcome(self) -> _Stranger:
        count = Counter(stranger.address for stranger in self._strangers)
        return max(self._strangers, key=lambda stranger: (count[stranger.address], -stranger.since))

    def _pause(self) -> None:
        """Accept nothing for a moment: the listener would stay ready, and the loop would spin."""
        if self._strangers:
            self._drop(self._least_welcome())
        self._selector.unregister(self._listener)
        self._paused_until = time.monotonic() + PAUSE_SECONDS

    def _read(self, stranger: _Stranger) -> Arrival | None:
        try:
            arrival = stranger.read()
        except RefusedError:
            self._log_refusal(stranger.address)
            self._drop(stranger)
        except OSError:
            self._drop(stranger)
        else:
            if arrival is not None:
                del self._strangers[stranger]
                self._selector.unregister(stranger.link)
            return arrival
        return None

    def _log_refusal(self, address: str) -> None:
        if address in self._logged or len(self._logged) >= _LOGGED_ADDRESSES:
            return
        self._logged.add(address)
        log.line(f"refused a connection from {address}: it did not prove that it belongs to this job")

    def _expire(self, now: float) -> None:
        while self._strangers and now - (oldest := next(iter(self._strangers))).since > self._patience:
            self._drop(oldest)
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _drop(self, stranger: _Stranger) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(stranger.link)
        stranger.link.close()
        del self._strangers[stranger]
