"""For programs that a launcher starts in place of the user's, and which start other processes themselves.

Such a program ends with ``sys.exit(main(run, sys.argv[1:]))``: whatever fails in it is logged in a line and reaches
``output/failure``. Its ports are those of :class:`Ports`. What asks another host of the job for something uses
:func:`reach`, and what answers there :func:`await_request`.
"""

from __future__ import annotations

from smc_core.ports import Ports
from smc_core.process.hosts.host_link import HostLink, await_request, reach
from smc_core.process.program import main

__all__ = ["HostLink", "Ports", "await_request", "main", "reach"]
