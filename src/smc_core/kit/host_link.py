"""One host asks, another answers: a connection on which both have proved that they belong to the job.

For launchers that start something on other hosts. Both sides wait; the handshake and the limits are those of the
hosts' watch (``process/hosts/handshake.py``, ``entrance.py``).
"""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType

from smc_core.contract import current_host
from smc_core.errors import HostError
from smc_core.hosts import host_wait
from smc_core.process.hosts.entrance import Entrance
from smc_core.process.hosts.handshake import SEAL_BYTES, RefusedError, Session
from smc_core.process.hosts.host_key import host_key
from smc_core.process.hosts.messages import LONGEST_LINE
from smc_core.process.hosts.peer_link import REFUSED, join, listen

_TURN_SECONDS = 1.0


class HostLink:
    """A connection to another host of the job, as :func:`reach` and :func:`await_request` return it.

    As a context manager it closes the connection. Lines are sealed: one that was tampered with is refused.
    """

    def __init__(self, link: socket.socket, session: Session, received: bytes = b"") -> None:
        self._link = link
        self._session = session
        self._in = received
        link.setblocking(True)

    def __enter__(self) -> HostLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    def send(self, text: bytes) -> None:
        """Send a line.

        Args:
            text: at most 64 KiB, without a line break.

        Raises:
            OSError: the connection broke.
            ValueError: it is too long, or has a line break.

        """
        if len(text) > LONGEST_LINE or b"\n" in text:
            raise ValueError("not one line of at most 64 KiB")
        self._link.sendall(self._session.seal(text))

    def receive(self) -> bytes | None:
        """Wait for a line, without limit; None if the other side is gone, or a line was tampered with."""
        while b"\n" not in self._in:
            try:
                data = self._link.recv(65536)
            except OSError:
                return None
            self._in += data
            if not data or len(self._in) > SEAL_BYTES + LONGEST_LINE:
                return None
        line, _, self._in = self._in.partition(b"\n")
        try:
            return self._session.open(line)
        except RefusedError:
            return None


def reach(host: str, port: int, purpose: str, *, seconds: float, me: str | None = None) -> HostLink:
    """Connect to another host that waits in :func:`await_request`.

    Args:
        host: its name.
        port: its port.
        purpose: what the connection is for; both sides name the same.
        seconds: how long to try.
        me: name of this host, by default its name in the job.

    Raises:
        HostError: it cannot be reached, or is not a host of this job.

    """
    me = me or current_host()
    where = f"port {port} of {host}"
    try:
        return HostLink(*join(me, host, port, host_key(os.environ), purpose, time.monotonic() + seconds))
    except RefusedError as error:
        raise HostError(f"{me} and {host} cannot join at {where}: {REFUSED}") from error
    except OSError as error:
        raise HostError(f"{me} cannot reach {where}: {error.strerror or error}") from error


def await_request(
    port: int, purpose: str, *, asker: str, seconds: float | None = None, me: str | None = None
) -> tuple[HostLink, bytes]:
    """Wait for a request from another host; a caller that does not prove that it belongs to this job is refused.

    Args:
        port: where to listen: at the address by which the asker reaches this host.
        purpose: what the connection is for; both sides name the same.
        asker: name of the host that will ask.
        seconds: how long to wait, by default as long as hosts wait for each other (``SMC_HOST_WAIT``); 0: as long as
            it takes.
        me: name of this host, by default its name in the job.

    Returns:
        The connection, and the first line received on it.

    Raises:
        HostError: the port is taken, or no host has connected.

    """
    me = me or current_host()
    seconds = host_wait(os.environ) if seconds is None else seconds
    try:
        entrance = Entrance(listen(me, port, [asker]), host_key(os.environ), purpose, 1)
    except OSError as error:
        raise HostError(f"port {port} of {me} cannot be opened for {asker}: {error.strerror or error}") from error
    deadline = time.monotonic() + seconds if seconds else None
    try:
        while deadline is None or time.monotonic() < deadline:
            for arrival in entrance.turn(_TURN_SECONDS):
                return HostLink(arrival.link, arrival.session, arrival.rest), arrival.first
    finally:
        entrance.close()
    raise HostError(f"{asker} did not ask {me} for anything within {seconds:g} s")
