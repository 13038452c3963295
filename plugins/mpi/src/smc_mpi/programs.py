"""The programs of this plugin, which are started by their paths."""

from __future__ import annotations

import os

_ROOM = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.join(_ROOM, "agent.py")
"""What ``mpirun`` calls in place of ``ssh``."""
MASTER = os.path.join(_ROOM, "master.py")
"""On the master: ``mpirun`` and its ranks."""
SERVE = os.path.join(_ROOM, "serve.py")
"""On every other host: Open MPI's daemon."""
RANK = os.path.join(_ROOM, "rank.py")
"""Around each rank."""
