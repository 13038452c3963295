"""The roll call of a job's hosts: each waits until all have come, and the master says which has not."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from smc_core.errors import HostError
from smc_core.hosts import LOG_SECONDS, host_wait
from smc_core.process import log
from smc_core.process.hub import Hub
from smc_core.process.peer_link import Cause, connect, listen
from smc_core.process.peers import Member, Peers
from smc_core.settings import HOST_WAIT

_HEAD_START = 5.0
"""Seconds that the master gives up before the others, as it knows who is missing."""


def call(host: str, hosts: Sequence[str], port: int, job: str, timeout: float) -> Peers:
    """Wait until all hosts have come, as long as ``SMC_HOST_WAIT`` says.

    Args:
        host: this host's name.
        hosts: the names of all; the first is the master.
        port: where the master listens.
        job: name of the job; hosts of another one are turned away.
        timeout: seconds of silence after which a host is lost.

    Raises:
        HostError: one has not come, or has failed or gone meanwhile; or the master cannot be reached.

    """
    is_master = host == hosts[0]
    patience = host_wait(os.environ)
    peers = _meet(host, hosts, port, job, timeout, time.monotonic() + patience)
    begun = time.monotonic()
    if not is_master:
        patience += _HEAD_START
    next_line = begun + LOG_SECONDS
    while not peers.started:
        now = time.monotonic()
        if peers.cause is not None:
            raise HostError(str(peers.cause))
        if now >= begun + patience:
            raise _absence(peers, patience, is_master=is_master)
        if now >= next_line:
            log.line(f"waiting for {_names(peers.missing)}, for {now - begun:.0f} s")
            next_line += LOG_SECONDS
        peers.turn(min(next_line, begun + patience) - now)
    return peers


def _meet(host: str, hosts: Sequence[str], port: int, job: str, timeout: float, deadline: float) -> Peers:
    master = hosts[0]
    try:
        if host == master:
            return Hub(master, hosts, job, listen(master, port, hosts), timeout)
        return Member(host, master, job, connect(master, port, deadline), timeout)
    except OSError as error:
        where = f"port {port} of {master}"
        if host == master:
            raise HostError(f"{where} cannot be opened for the other hosts: {error.strerror}") from error
        why = f"{error.strerror or error} ({HOST_WAIT} sets how long to try)"
        raise HostError(f"{host} cannot reach the master at {where}: {why}") from error


def _absence(peers: Peers, seconds: float, *, is_master: bool) -> HostError:
    names = _names(peers.missing)
    text = f"did not come within {seconds:g} s ({HOST_WAIT} sets how long to wait)"
    if is_master and peers.missing:
        peers.tell_failed(Cause(names, None, time.time(), True, text))
        peers.turn(0)
    return HostError(f"host {names} {text}")


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more if names else "the other hosts"
