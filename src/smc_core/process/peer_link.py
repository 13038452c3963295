"""What the hosts of one job tell each other while it runs: who is here, who has failed, who is gone. Standard library.

The master listens (``hub.py``), and every other host has one connection to it (``peers.py``). A message is one
line of JSON. What a host may say, after ``here`` has told who it is:

========== ==================================================================================================
``here``   a host has come: its name and the name of its job
``start``  from the hub: all are here
``alive``  every two seconds; from the hub, before the start, with the names that are missing
``failed`` a host's command has failed, with the cause; from the hub, the cause of the whole job as known by now
``done``   a host has ended well
``stopped`` a host has ended because it was asked to
``final``  from the hub: the cause that it told last is the one that counts
========== ==================================================================================================

A host that goes without a word, or is silent for too long, is lost, and that is a cause too.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

_LONGEST_LINE = 64 * 1024
_RETRY_SECONDS = 0.2
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Cause(NamedTuple):
    """Why a job of several hosts fails.

    Attributes:
        host: where it happened.
        rank: the process, where a launcher gave it a number.
        time: seconds since the epoch.
        sudden: whether something from outside ended it, so that it could not tell when: a signal, a lost host. Such
            a cause comes before others, which it may have brought about before it was noticed.
        text: the cause in plain words.

    """

    host: str
    rank: int | None
    time: float
    sudden: bool
    text: str

    def __str__(self) -> str:
        rank = "" if self.rank is None else f", rank {self.rank}"
        return f"host {self.host}{rank}: {self.text}"


def first_of(causes: Sequence[Cause]) -> Cause:
    """The cause that brought the others about."""
    return min(causes, key=lambda cause: (not cause.sudden, cause.time, cause.host))


class Connection:
    """Lines of JSON to and from one other host; nothing here waits."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.host = ""
        self.heard = self.since = time.monotonic()
        self._in = b""
        self._out = b""
        link.setblocking(False)

    def send(self, **message: Any) -> None:
        """Send a message, or keep what does not go yet for the next one."""
        self._out += json.dumps({**message, "now": time.time()}).encode("ascii") + b"\n"
        with contextlib.suppress(OSError):  # a connection that is gone shows when it is read
            while self._out:
                self._out = self._out[self.link.send(self._out) :]

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that have come; None where the other side has gone, or does not speak as it should."""
        ended = False
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while not ended:
                try:
                    data = self.link.recv(65536)
                except BlockingIOError:
                    raise
                except OSError:
                    data = b""
                ended = not data
                self._in += data
                if len(self._in) > 16 * _LONGEST_LINE:
                    break
        *lines, self._in = self._in.split(b"\n")
        self.heard = time.monotonic()
        messages = [message for line in lines if (message := _message(line)) is not None]
        if len(messages) < len(lines) or len(self._in) > _LONGEST_LINE or (ended and not messages):
            return None
        return messages


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(value, dict) and isinstance(value.get("is"), str) and isinstance(value.get("now"), (int, float))
    return value if whole else None


def read_cause(message: dict[str, Any], ahead: float = 0.0) -> Cause | None:
    """The cause in a message, by this host's clock, which is so many seconds ahead of the sender's."""
    try:
        rank = None if message["rank"] is None else int(message["rank"])
        return Cause(
            str(message["host"]),
            rank,
            float(message["time"]) + ahead,
            bool(message["sudden"]),
            str(message["text"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def listen(host: str, port: int, others: Sequence[str] = ()) -> socket.socket:
    """A socket at this host's own address, or at every address where its name does not tell which one is its own.

    Such a name is unknown, or another machine's, or means the loopback interface here alone, as where ``/etc/hosts``
    has the line ``127.0.1.1 algo-1``.

    Args:
        host: name of this host.
        port: the port.
        others: names of the hosts that will connect; where all of them mean the loopback interface, so may this one.

    Raises:
        OSError: the port is taken.

    """
    for family, address in _addresses(host):
        if _is_loopback(address) and not all(_is_loopback(each) for name in others for _, each in _addresses(name)):
            break
        try:
            return socket.create_server((address, port), family=family, backlog=128)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
    return socket.create_server(("", port), backlog=128)


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [(each[0], str(each[4][0])) for each in found]


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """Connect to the master, again and again until the time is up.

    Args:
        host: name of the master.
        port: its port.
        deadline: when to give up, on the monotonic clock.

    Raises:
        OSError: the last reason, when the time is up.

    """
    while True:
        try:
            link = socket.create_connection((host, port), timeout=max(0.1, min(5.0, deadline - time.monotonic())))
            if link.getsockname() == link.getpeername():  # on one machine a port that nobody has may meet itself
                link.close()
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        except OSError:
            if time.monotonic() + _RETRY_SECONDS >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
            continue
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return link
