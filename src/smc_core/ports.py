"""The TCP ports of a job of several hosts, all counted from the master's port. Standard library only."""

from __future__ import annotations

from typing import NamedTuple

from smc_core.errors import ConfigurationError

LAST_PORT = 65535


class Ports(NamedTuple):
    """The ports of a job, from ``SMC_MASTER_PORT`` on.

    Attributes:
        rendezvous: where the processes of a framework find each other, on the master.
        watch: where the hosts watch each other, on the master.

    """

    rendezvous: int
    watch: int

    @classmethod
    def of(cls, master_port: int) -> Ports:
        """The ports of a job whose master has this port.

        Args:
            master_port: ``environment.master_port``.

        """
        return cls(master_port, master_port + 1)

    def own(self, count: int) -> range:
        """The ports that a launcher may use as its own, on any host.

        Args:
            count: how many it needs; one there always is.

        Raises:
            ConfigurationError: there are not so many above the master's.

        """
        first = self.watch + 1
        if first + count - 1 > LAST_PORT:
            raise ConfigurationError(
                f"SMC_MASTER_PORT={self.rendezvous} leaves {LAST_PORT - self.watch} of the {count} ports that the "
                f"launcher needs above it; set it to {LAST_PORT - count - 1} or less"
            )
        return range(first, first + count)


LAST_MASTER_PORT = LAST_PORT - 2
"""The highest port of a master: above it the hosts watch each other, and a launcher has at least one port."""
