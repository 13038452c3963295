"""Reads the variables of a platform, bounded and typed, and records which of them said what."""

from __future__ import annotations

import os

from smc_core.errors import ConfigurationError
from smc_core.platforms.base import MOST_HOSTS
from smc_core.printable import shortened
from smc_core.settings import HOST_COUNT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_NAME = 253
"""Characters of a host name, by RFC 1035."""


class Reader:
    """Reads a platform's variables, and records which of them said what.

    Args:
        environ: the variables.
        root: the folder in which to look for the platform's files: ``/``, but in tests.

    Attributes:
        sources: what was said → the variable that said it.

    """

    def __init__(self, environ: Mapping[str, str], root: str = "/") -> None:
        self.environ = environ
        self.root = root
        self.sources: dict[str, str] = {}

    def text(self, attribute: str, *names: str) -> str | None:
        """The text of the first of these variables that has one.

        Args:
            attribute: what it says, a key of :attr:`sources`.
            names: the variables.

        """
        for name in names:
            value = self.environ.get(name, "").strip()
            if value:
                self.sources[attribute] = name
                return value
        return None

    def number(self, attribute: str, *names: str, least: int = 0, most: int = MOST_HOSTS) -> int | None:
        """The number in the first of these variables that has a text.

        Args:
            attribute: what it says.
            names: the variables.
            least: the least value.
            most: the greatest value.

        Raises:
            ConfigurationError: it is no whole number in that range; the message names the variable.

        """
        text = self.text(attribute, *names)
        if text is None:
            return None
        return self.as_number(text, self.sources[attribute], least, most)

    def as_number(self, text: str, name: str, least: int = 0, most: int = MOST_HOSTS) -> int:
        """A text of the variable ``name`` as a number.

        Raises:
            ConfigurationError: it is no whole number in that range.

        """
        digits = text.isascii() and text.isdecimal() and len(text) < 20
        if not digits or not least <= int(text) <= most:
            raise self.refused(name, f"a whole number from {least:,} to {most:,}", text)
        return int(text)

    def refused(self, name: str, expected: str, text: str | None = None) -> ConfigurationError:
        """The error for a variable with the wrong content."""
        shown = shortened(self.environ.get(name, "") if text is None else text, 80)
        return ConfigurationError(
            f"variable {name} is {shown!r}, not {expected}; correct it, or set SMC_PLATFORM=none to ignore the platform"
        )

    def names(self, name: str, text: str, separators: str) -> list[str]:
        """The host names in a variable.

        Args:
            name: the variable.
            text: its text.
            separators: the characters between the names.

        Raises:
            ConfigurationError: one is not a host's name or address, there are too many, or one is there twice.

        """
        for character in separators:
            text = text.replace(character, " ")
        return self.checked_names(name, text.split())

    def checked_names(self, name: str, hosts: list[str]) -> list[str]:
        """Host names from the variable ``name``, if they are usable.

        Raises:
            ConfigurationError: they are not.

        """
        if not hosts or len(hosts) > MOST_HOSTS:
            raise self.refused(name, f"a list of 1 to {MOST_HOSTS:,} hosts")
        for host in hosts:
            if (
                len(host) > _LONGEST_NAME
                or not host.isascii()
                or not host.replace(":", "-").replace("_", "-").replace(".", "-").replace("-", "a").isalnum()
            ):
                raise self.refused(name, "a list of host names", host)
        if len(set(hosts)) < len(hosts):
            twice = next(host for position, host in enumerate(hosts) if host in hosts[:position])
            raise self.refused(name, f"a list of different hosts: {shortened(twice, 80)!r} is there twice")
        return hosts

    def count_and_rank(self, counts: tuple[str, ...], ranks: tuple[str, ...]) -> tuple[int, int] | None:
        """The number of hosts and the rank of this one; None if the number is not told.

        Args:
            counts: the variables with the number.
            ranks: those with the rank.

        Raises:
            ConfigurationError: one is malformed, the rank is missing, or it is not below the number.

        """
        count = self.number("hosts", *counts, least=1)
        if count is None:
            return None
        return count, self.rank(count, *ranks)

    def rank(self, count: int, *ranks: str) -> int:
        """The rank of this host among ``count``.

        Raises:
            ConfigurationError: it is malformed, missing or not below the number of hosts.

        """
        rank = self.number("rank", *ranks)
        if rank is None:
            if count == 1:
                return 0
            raise ConfigurationError(
                f"the job has {count} hosts, and no variable {ranks[0]} says which of them this is"
            )
        if rank >= count:
            name = self.sources["rank"]
            raise self.refused(name, f"a rank below the number of hosts, {count} ({self.sources.get('hosts', '')})")
        return rank

    def agree(self, count: int | None, hosts: list[str]) -> None:
        """Refuse a list of hosts whose length is not their number.

        Raises:
            ConfigurationError: the two differ.

        """
        if count is not None and count != len(hosts):
            raise ConfigurationError(
                f"variable {self.sources['hosts']} lists {len(hosts)} hosts, and the number of hosts is {count}"
            )

    def host_count(self) -> int | None:
        """``SMC_HOST_COUNT``, for platforms that do not say the number of hosts.

        Raises:
            ConfigurationError: it is no number.

        """
        count = HOST_COUNT.given(self.environ)
        if count is not None:
            self.sources["hosts"] = HOST_COUNT.name
        return count

    def address(self, name: str, text: str) -> tuple[str, int | None]:
        """A host and its port, from ``host:port`` or ``host``.

        Raises:
            ConfigurationError: the port is no number.

        """
        host, colon, port = text.rpartition(":")
        if not colon or ":" in host:  # no port, or an IPv6 address
            return text, None
        return host, self.as_number(port, name, 1, 65_535)

    def folder(self, attribute: str, *names: str) -> str | None:
        """A folder that a variable names; one in Google's storage where that is mounted, below ``/gcs``."""
        text = self.text(attribute, *names)
        if text is None:
            return None
        if text.startswith("gs://"):
            mounted = os.path.join(self.root, "gcs", text[len("gs://") :].strip("/"))
            bucket = text[len("gs://") :].partition("/")[0]
            if bucket and os.path.isdir(os.path.join(self.root, "gcs", bucket)):
                return mounted
            del self.sources[attribute]
            return None
        if "://" in text or not os.path.isabs(text):
            del self.sources[attribute]  # not a folder of this machine
            return None
        return text
