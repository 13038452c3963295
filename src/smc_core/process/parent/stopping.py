"""A request to stop a job, and how much time the job has for it."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from smc_core.process.outcome.ending import Stop


class StopRequest:
    """A signal that has arrived. Only one that asks for a stop sets a time limit: others are the script's own affair.

    Args:
        number: the signal.
        grace: seconds that the job has to stop.
        begun: whether the user's code had begun.
        is_final: whether the job has to stop.

    Attributes:
        number: the signal.
        is_final: whether the job has to stop.

    """

    def __init__(self, number: int, grace: float, *, begun: bool, is_final: bool) -> None:
        self.number = number
        self.is_final = is_final
        self._grace = grace
        self._begun = begun
        self._since = time.monotonic()
        self._killed: Literal["", "grace", "again"] = ""

    def time_left(self) -> float | None:
        """Seconds until the job has to be killed; None where it need not be, or has been."""
        if not self.is_final or self._killed:
            return None
        return self._since + self._grace - time.monotonic()

    def shorten(self, seconds: float) -> None:
        """Leave at most so many seconds from now on."""
        self._grace = min(self._grace, time.monotonic() - self._since + seconds)

    def is_overdue(self) -> bool:
        """Whether the time is up, and the job has not been killed."""
        left = self.time_left()
        return left is not None and left <= 0

    def note_kill(self, reason: Literal["grace", "again"]) -> None:
        """Record why the job was killed; only the first reason counts."""
        self._killed = self._killed or reason

    def facts(self, ended: float) -> Stop:
        """The stop, for the report of how the job ended.

        Args:
            ended: when the script exited, on the monotonic clock.

        """
        from smc_core.process.outcome.ending import Stop

        return Stop(
            self.number, self._since, ended - self._since, self._begun, self._killed, self._grace, self.is_final
        )
