"""The rendezvous of a job's hosts: each waits until all have joined, and the master reports which have not."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from smc_core.errors import HostError
from smc_core.hosts import LOG_SECONDS, host_wait
from smc_core.process import log
from smc_core.process.hosts.coordinator import Coordinator
from smc_core.process.hosts.handshake import RefusedError
from smc_core.process.hosts.host_key import host_key, is_guessable
from smc_core.process.hosts.messages import SHOWN_NAMES, Cause
from smc_core.process.hosts.peer_link import REFUSED, Connection, join, listen
from smc_core.process.hosts.peers import PURPOSE, Member, Peers
from smc_core.settings import HOST_SECRET, HOST_WAIT
from smc_core.words import some_of

_HEAD_START_SECONDS = 5.0
"""By which the master gives up before the others: it knows who is missing."""


def meet(host: str, hosts: Sequence[str], port: int, timeout: float, address: str | None = None) -> Peers:
    """Wait until all hosts have joined, for at most ``SMC_HOST_WAIT`` seconds.

    Args:
        host: this host's name.
        hosts: the names of all; the first is the master.
        port: where the master listens.
        timeout: seconds of silence after which a host is lost.
        address: the address of the master; None if its name is one.

    Raises:
        HostError: a host has not joined, or has failed or left meanwhile; or the master cannot be reached.

    """
    if host == hosts[0] and is_guessable(os.environ):
        log.line(
            f"only their names prove that hosts are of this job: set {HOST_SECRET} where strangers share the network"
        )
    patience = host_wait(os.environ)
    peers = _connect(host, hosts, address or hosts[0], port, timeout, time.monotonic() + patience)
    try:
        _wait(peers, patience, is_master=host == hosts[0])
    except HostError:
        peers.close()
        raise
    return peers


def _wait(peers: Peers, patience: float, *, is_master: bool) -> None:
    begun = time.monotonic()
    if not is_master:
        patience += _HEAD_START_SECONDS
    next_line = begun + LOG_SECONDS
    while not peers.started:
        now = time.monotonic()
        if peers.cause is not None:
            raise HostError(str(peers.cause))
        if now >= begun + patience:
            raise _absence(peers, patience, is_master=is_master)
        if now >= next_line:
            log.line(f"still waiting for {_names(peers)} after {now - begun:.0f} s")
            next_line += LOG_SECONDS
        peers.turn(min(next_line, begun + patience) - now)


def _connect(host: str, hosts: Sequence[str], address: str, port: int, timeout: float, deadline: float) -> Peers:
    master, key = hosts[0], host_key(os.environ)
    where = f"port {port} of {address}"
    try:
        if host == master:
            return Coordinator(master, hosts, key, listen(address, port, hosts), timeout)
        link, session = join(host, address, port, key, PURPOSE, deadline)
        return Member(host, Connection(link, session, master), timeout)
    except RefusedError as error:
        raise HostError(f"{host} cannot join the master at {where}: {REFUSED}") from error
    except OSError as error:
        if host == master:
            raise HostError(f"{where} cannot be opened for the other hosts: {error.strerror}") from error
        why = f"{error.strerror or error} ({HOST_WAIT} sets how long to try)"
        raise HostError(f"{host} cannot reach the master at {where}: {why}") from error


def _absence(peers: Peers, seconds: float, *, is_master: bool) -> HostError:
    names = _names(peers)
    text = f"did not join within {seconds:g} s ({HOST_WAIT} sets how long to wait)"
    if is_master and peers.missing:
        peers.report_failure(Cause(names, None, time.time(), True, text))
        peers.turn(0)
    return HostError(f"host {names} {text}")


def _names(peers: Peers) -> str:
    return some_of(peers.missing, SHOWN_NAMES, total=peers.absent) if peers.missing else "the other hosts"
