"""``mpirun`` calls this in place of ``ssh``, once per remote host; it passes the daemon's arguments to ``serve.py``.

Started by its path::

    python agent.py --port PORT HOST COMMAND...

``COMMAND`` is meant for a shell, as ``ssh`` expects. No shell reads it here: the daemon's name is searched for in it,
and what follows are the daemon's arguments.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import json
import os
import shlex
from collections.abc import Sequence

from smc_core.errors import HostError
from smc_core.kit import main, reach

DAEMONS = ("prted", "orted")
"""Open MPI's daemon on each host: that of version 5, and of version 4."""
PURPOSE = "mpi"
"""What the connection is for, as both sides name it in their handshake."""
_PATIENCE_SECONDS = 60.0


def run(argv: Sequence[str]) -> int:
    """Start the daemon on a host, and wait until it exits; returns its exit code.

    Raises:
        HostError: the host cannot be reached, or Open MPI asks for something other than its daemon.

    """
    port, host, command = int(argv[1]), argv[2], argv[3:]
    try:
        name, arguments = daemon_of(" ".join(command))
    except ValueError as error:
        raise HostError(f"mpirun asks {host} for what smc-mpi does not know: {error}") from error
    with reach(host, port, PURPOSE, seconds=_PATIENCE_SECONDS) as link:
        link.send(json.dumps({"daemon": name, "arguments": arguments}).encode("ascii"))
        answer = link.receive() or b""
    return int(answer) if answer.isdigit() and len(answer) <= 3 else 1


def daemon_of(command: str) -> tuple[str, list[str]]:
    """The daemon in a command line that a shell would read, and its arguments.

    Raises:
        ValueError: it contains none.

    """
    words = shlex.split(command)
    for position, word in enumerate(words):
        name = os.path.basename(word.rpartition(";")[2])
        if name in DAEMONS:
            return name, words[position + 1 :]
    raise ValueError(f"there is no daemon of Open MPI in the command {command[:200]!r}")


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
