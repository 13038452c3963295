"""The TCP ports of a job of several hosts, all counted from the master's port. Standard library only."""

from __future__ import annotations

from typing import NamedTuple

LAST_PORT = 65535


class Ports(NamedTuple):
    """The ports of a job, from ``SMC_MASTER_PORT`` on.

    Attributes:
        rendezvous: where the processes of a framework find each other, on the master.
        watch: where the hosts watch each other, on the master.
        own: the first of a launcher's own, on any host.

    """

    rendezvous: int
    watch: int
    own: int

    @classmethod
    def of(cls, master_port: int) -> Ports:
        """The ports of a job whose master has this port.

        Args:
            master_port: ``environment.master_port``.

        """
        return cls(master_port, master_port + 1, master_port + 2)


LAST_MASTER_PORT = LAST_PORT - Ports.of(0).own
"""The highest port of a master: a launcher has at least one port of its own."""
