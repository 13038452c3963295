"""Connections between the hosts of one job: opened, and read without waiting. Standard library only.

The master listens (``coordinator.py``, with ``entrance.py`` accepting connections), and every other host has one
connection to it (``peers.py``). A host that disconnects without a message, or is silent for too long, is lost, and that
counts as a failure, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence

from smc_core.process import log
from smc_core.process.hosts import handshake, messages
from smc_core.process.hosts.handshake import SEAL_BYTES, RefusedError, Session
from smc_core.process.hosts.messages import LONGEST_LINE, Message
from smc_core.settings import HOST_SECRET

_MOST_UNSENT = 16 * LONGEST_LINE
"""Bytes that may wait for a host that reads nothing, before it is given up."""
REFUSED = (
    "the two hosts do not recognise each other; all hosts of a job need the same hyperparameters.json, list of hosts "
    f"and job name, or the same {HOST_SECRET}"
)
REFUSED_SECONDS = 60.0
"""After which a host that is still refused gives up: it belongs to another job, or its settings differ."""
_CLOCK_MESSAGES = 8
"""The last messages, by which clocks are compared: the fastest of them is the most precise, and clocks may be reset."""
_RETRY_SECONDS = 0.2
_BACKLOG = 1024
"""Connections that the kernel queues until they are accepted: all hosts of a job may connect at once."""
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Connection:
    """Messages to and from another host that has proved itself; no method waits.

    Args:
        link: the connection.
        session: seals and opens its messages.
        host: name of the other host.
        received: bytes that have already been read from it.

    """

    def __init__(self, link: socket.socket, session: Session, host: str, received: bytes = b"") -> None:
        self.link = link
        self.host = host
        self.heard = time.monotonic()
        self._session = session
        self._ahead: deque[float] = deque(maxlen=_CLOCK_MESSAGES)
        self._in = received
        self._out = b""
        link.setblocking(False)

    @property
    def ahead(self) -> float:
        """Seconds by which this host's clock is ahead of the other's, from the fastest of the last messages."""
        # A difference is the real one plus the time that the message took, so the smallest is the nearest to it.
        return min(self._ahead, default=0.0)

    def send(self, message: Message) -> None:
        """Send a message; what cannot be sent yet goes out with the next one."""
        self.send_line(messages.to_line(message))

    def send_line(self, line: bytes) -> None:
        """Send a message that is already a line (:func:`messages.to_line`)."""
        self._out += self._session.seal(line)
        with contextlib.suppress(OSError):  # a broken connection is noticed when it is read
            while self._out:
                self._out = self._out[self.link.send(self._out) :]

    def receive(self) -> list[Message] | None:
        """The messages that have arrived; None where the other side has disconnected or breaks the protocol."""
        ended = False
        while not ended and len(self._in) <= 16 * LONGEST_LINE:
            try:
                data = self.link.recv(65536)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            ended = not data
            self._in += data
        *lines, self._in = self._in.split(b"\n")
        self.heard = time.monotonic()
        try:
            found = [messages.from_line(self._session.open(line)) for line in lines]
        except (RefusedError, ValueError):
            return None
        self._ahead.extend(time.time() - message.now for message in found)
        broken = len(self._in) > LONGEST_LINE + SEAL_BYTES or len(self._out) > _MOST_UNSENT
        return None if broken or (ended and not found) else found


def listen(host: str, port: int, others: Sequence[str] = ()) -> socket.socket:
    """A socket that listens only at the address by which the other hosts reach this one.

    That is the address of this host's name. Where the name is unknown, belongs to another machine, or resolves to the
    loopback interface only here (``/etc/hosts`` with the line ``127.0.1.1 algo-1``), it is the address from which this
    host reaches the others. Where the others have no addresses that are known here, it is every address of this host.

    Args:
        host: name of this host.
        port: the port.
        others: names of the hosts that will connect; if all of them resolve to the loopback interface, this one may,
            too.

    Raises:
        OSError: the port is taken, or there is no such address.

    """
    own, known = _addresses(host), [name for name in others if _addresses(name)]
    if others and not known and not any(not _is_loopback(address) for _, address in own):
        return socket.create_server(("", port), backlog=_BACKLOG)
    for family, address in own:
        if _is_loopback(address) and not all(_is_loopback(each) for name in others for _, each in _addresses(name)):
            break
        try:
            return socket.create_server((address, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
    for family, address in _sources(others):
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    raise OSError(errno.EADDRNOTAVAIL, "no address of this machine leads to the other hosts")


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [(each[0], str(each[4][0])) for each in found]


def _sources(others: Sequence[str]) -> Iterator[tuple[socket.AddressFamily, str]]:
    """The addresses from which this machine reaches others: those of connected UDP sockets, which send nothing."""
    for name in others:
        for family, address in _addresses(name):
            with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
                yield family, str(probe.getsockname()[0])


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """Connect to the master; retry until the deadline.

    Args:
        host: name of the master.
        port: its port.
        deadline: when to give up, on the monotonic clock.

    Raises:
        OSError: the last reason why it failed.

    """
    while True:
        try:
            link = socket.create_connection((host, port), timeout=max(0.1, min(5.0, deadline - time.monotonic())))
            if link.getsockname() == link.getpeername():  # a free port on this machine: TCP connected it to itself
                link.close()
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        except OSError:
            if time.monotonic() + _RETRY_SECONDS >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
            continue
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return link


def join(me: str, host: str, port: int, key: bytes, purpose: str, deadline: float) -> tuple[socket.socket, Session]:
    """Connect to another host and prove this one; retry until a host of this job answers and accepts it.

    A refusal is not final: where strangers crowd the port, it may drop a host of the job, too.

    Args:
        me: name of this host.
        host: name of the other one.
        port: its port.
        key: the key of the job's hosts.
        purpose: what the connection is for.
        deadline: when to give up, on the monotonic clock.

    Raises:
        RefusedError: one side did not accept the other's proof, up to the end.
        OSError: the last reason why it failed.

    """
    refused_since: float | None = None
    while True:
        link = connect(host, port, deadline)
        try:
            return link, handshake.call(link, key, purpose, me)
        except (RefusedError, OSError):
            link.close()
            now = time.monotonic()
            if refused_since is None:
                refused_since = now
                log.line(f"not accepted at port {port} of {host} yet: {REFUSED}")
            if now + _RETRY_SECONDS >= min(deadline, refused_since + REFUSED_SECONDS):
                raise
            time.sleep(_RETRY_SECONDS)
