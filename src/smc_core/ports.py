"""The TCP ports of a job on several hosts, all relative to the master's port. Standard library only."""

from __future__ import annotations

from typing import NamedTuple

from smc_core.errors import ConfigurationError

LAST_PORT = 65535


class Ports(NamedTuple):
    """The ports of a job, from ``SMC_MASTER_PORT`` on.

    Attributes:
        rendezvous: the port on the master for the rendezvous of a framework's processes.
        watch: the port on the master at which the hosts monitor each other.

    """

    rendezvous: int
    watch: int

    @classmethod
    def of(cls, master_port: int) -> Ports:
        """The ports of a job with this master port.

        Args:
            master_port: ``environment.master_port``.

        """
        return cls(master_port, master_port + 1)

    def own(self, count: int) -> range:
        """The ports that a launcher may use itself, on any host.

        Args:
            count: how many it needs; one is always available.

        Raises:
            ConfigurationError: there are fewer ports above the master's.

        """
        first = self.watch + 1
        if first + count - 1 > LAST_PORT:
            raise ConfigurationError(
                f"SMC_MASTER_PORT={self.rendezvous} leaves {LAST_PORT - self.watch} of the {count} ports that the "
                f"launcher needs above it; set it to {LAST_PORT - count - 1} or less"
            )
        return range(first, first + count)


LAST_MASTER_PORT = LAST_PORT - 2
"""The highest port for a master: above it are the port for monitoring, and at least one for a launcher."""
