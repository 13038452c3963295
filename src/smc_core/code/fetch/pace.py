"""Whether a transfer is fast enough to go on waiting for it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from smc_core.errors import CodeError
from smc_core.settings import MIN_DOWNLOAD_RATE

WINDOW_SECONDS = 300.0
"""How long it may be slower; longer than several silences, each of which ends in another attempt."""


class Pace:
    """Measures the rate of one transfer, over all its attempts.

    Args:
        what: the source as messages call it.
        environ: the variables, for the lowest rate: ``SMC_MIN_DOWNLOAD_RATE``, in bytes per second on average over
            five minutes; 1,000 by default, 0 for no limit.

    """

    def __init__(self, what: str, environ: Mapping[str, str]) -> None:
        self._what = what
        self._rate = MIN_DOWNLOAD_RATE.of(environ)
        self._seconds = 0.0
        self._bytes = 0
        self._last = time.monotonic()

    def __enter__(self) -> Pace:
        """Begin an attempt; the time between attempts does not count."""
        self._last = time.monotonic()
        return self

    def __exit__(self, *raised: object) -> None:
        self._tick()

    def add(self, size: int) -> None:
        """Count bytes that have just arrived.

        Raises:
            CodeError: the transfer is too slow.

        """
        self._tick()
        self._bytes += size
        if self._seconds >= WINDOW_SECONDS:
            if self._bytes < self._rate * self._seconds:
                raise CodeError(
                    f"{self._what} cannot be fetched: it arrives at less than {self._rate:,} bytes a second, "
                    f"{self._bytes:,} in {self._seconds:.0f} s; set {MIN_DOWNLOAD_RATE} if that is intended"
                )
            self._seconds, self._bytes = 0.0, 0

    def _tick(self) -> None:
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now
