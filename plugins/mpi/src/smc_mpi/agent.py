"""What ``mpirun`` calls in place of ``ssh``, once for each other host: hands the daemon's arguments to ``serve.py``.

Started by its path::

    python agent.py --port PORT HOST COMMAND...

``COMMAND`` is meant for a shell, as ``ssh`` takes it. No shell reads it here: the name of the daemon is looked for in
it, and what follows that name are its arguments.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

import json
import os
import shlex
import time
from collections.abc import Sequence

from smc_core.process.peer_link import connect

DAEMONS = ("prted", "orted")
"""Open MPI's daemon on each host: that of version 5, and of version 4."""
_PATIENCE_SECONDS = 60.0


def main(argv: Sequence[str]) -> int:
    """Start the daemon on a host, and wait for its end; returns its exit code."""
    port, host, command = int(argv[1]), argv[2], argv[3:]
    name, arguments = daemon_of(" ".join(command))
    try:
        link = connect(host, port, time.monotonic() + _PATIENCE_SECONDS)
    except OSError as error:
        sys.stderr.write(f"smc: {host} cannot be reached at port {port} to start {name}: {error}\n")
        return 1
    link.settimeout(None)
    with link, link.makefile("rw", encoding="utf-8") as stream:
        stream.write(json.dumps({"daemon": name, "arguments": arguments}) + "\n")
        stream.flush()
        answer = stream.readline()
    return int(answer) if answer.strip().isdecimal() else 1


def daemon_of(command: str) -> tuple[str, list[str]]:
    """The daemon in a command line that a shell would read, and its arguments.

    Raises:
        ValueError: there is none in it.

    """
    words = shlex.split(command)
    for position, word in enumerate(words):
        name = os.path.basename(word.rpartition(";")[2])
        if name in DAEMONS:
            return name, words[position + 1 :]
    raise ValueError(f"there is no daemon of Open MPI in the command {command[:200]!r}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
