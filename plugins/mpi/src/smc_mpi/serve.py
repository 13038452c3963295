"""On every host but the master: waits for the master's request, starts Open MPI's daemon, and exits with the job.

Started by its path::

    python serve.py --host algo-2 --master algo-1 --port 7779 --daemons /usr/bin

Only a peer that proves to be a host of this job is served, and it can start nothing but the daemon beside this host's
``mpirun``. If a daemon exits before any rank of this host has begun, this program waits for the master again, which
starts ``mpirun`` once more.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import argparse
import contextlib
import json
import os
from collections.abc import Sequence

from smc_core.errors import HostError
from smc_core.kit import HostLink, await_request, log_line, main
from smc_mpi.agent import DAEMONS, PURPOSE
from smc_mpi.ranks import Engine

_AGAIN_SECONDS = 30.0
"""In which the master asks once more, where it does."""


def run(argv: Sequence[str]) -> int:
    """Serve the master; returns the exit code.

    Raises:
        HostError: the port is taken, the master has not connected, or it asks for something else.

    """
    parser = argparse.ArgumentParser(prog="serve")
    for name in ("--host", "--master", "--daemons"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(argv)
    code, engine = _serve(options)
    if engine.may_start_again:
        log_line(f"Open MPI ended with exit code {code} before any rank began: waiting for {options.master} once more")
        try:
            code, engine = _serve(options, _AGAIN_SECONDS)
        except HostError:
            if code:
                raise
    engine.report(code)
    return code


def _serve(options: argparse.Namespace, seconds: float | None = None) -> tuple[int, Engine]:
    """Start the daemon that the master asks for; sends the master its exit code, and returns it."""
    link, asked = await_request(options.port, PURPOSE, asker=options.master, me=options.host, seconds=seconds)
    with link:
        engine = Engine(_command(asked, options.daemons), "remote")
        code = engine.run()
        _answer(link, code)
    return code, engine


def _command(request: bytes, folder: str) -> list[str]:
    """The daemon's command line.

    Raises:
        HostError: the master asks for something else.

    """
    try:
        content = json.loads(request)
        daemon, arguments = content["daemon"], content["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError):
        daemon, arguments = "", None
    if daemon not in DAEMONS or not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise HostError("the master asks for what is no daemon of Open MPI; do all hosts have the same smc-mpi?")
    return [os.path.join(folder, daemon), *arguments]


def _answer(link: HostLink, code: int) -> None:
    with contextlib.suppress(OSError):  # mpirun has exited before
        link.send(str(code).encode())


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
