"""On every host but the master: waits for the master's word, starts Open MPI's daemon, and ends with the job.

Started by its path::

    python serve.py --host algo-2 --master algo-1 --port 7779 --daemons /usr/bin

Only the master's own addresses are heard, and nothing but the daemon that lies beside this host's ``mpirun`` can be
started.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

import argparse
import contextlib
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

from smc_core.errors import HostError
from smc_core.hosts import host_wait
from smc_core.process import log, reports
from smc_core.process.peer_link import listen
from smc_mpi.agent import DAEMONS
from smc_mpi.ranks import run

_LONGEST = 64 * 1024


def main(argv: Sequence[str]) -> int:
    """Serve the master; returns the exit code."""
    parser = argparse.ArgumentParser(prog="serve")
    for name in ("--host", "--master", "--daemons"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(argv)
    with listen(options.host, options.port, [options.master]) as listener:
        listener.settimeout(host_wait(os.environ) or None)
        while True:
            try:
                link, address = listener.accept()
            except TimeoutError:
                error = HostError(f"{options.master} has asked for no ranks within {host_wait(os.environ):g} s")
                reports.write_report(error, phase="hosts")
                return log.failure(error)
            with link:
                request = _request(link) if _is_master(address[0], options.master) else None
                if request is None:
                    log.line(f"{address[0]} wanted something at port {options.port}, and was turned away")
                    continue
                return _serve(link, os.path.join(options.daemons, request["daemon"]), request["arguments"])


def _is_master(address: str, master: str) -> bool:
    try:
        return address in {str(found[4][0]) for found in socket.getaddrinfo(master, None)}
    except OSError:
        return False


def _request(link: socket.socket) -> dict[str, Any] | None:
    link.settimeout(10)
    try:
        with link.makefile("rb") as stream:
            request = json.loads(stream.readline(_LONGEST))
        arguments = request["arguments"]
        known = request["daemon"] in DAEMONS and isinstance(arguments, list)
        return request if known and all(isinstance(each, str) for each in arguments) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _serve(link: socket.socket, daemon: str, arguments: list[str]) -> int:
    code = run([daemon, *arguments])
    with contextlib.suppress(OSError):  # mpirun has ended before
        link.sendall(f"{code}\n".encode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
