"""A request to stop a job, and how much time the job has for it."""

from __future__ import annotations

import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from smc_core.process.outcome.ending import Stop


class StopRequest:
    """A signal that was passed on. Only SIGTERM sets a time limit: how a script handles others is its own affair.

    Args:
        number: the signal.
        grace: seconds that the job has after SIGTERM.
        begun: whether the user's code had begun.

    Attributes:
        is_final: whether the job has to stop.

    """

    def __init__(self, number: int, grace: float, *, begun: bool) -> None:
        self.is_final = number == signal.SIGTERM
        self._number = number
        self._grace = grace
        self._begun = begun
        self._since = time.monotonic()
        self._killed: Literal["", "grace", "again"] = ""

    def time_left(self) -> float | None:
        """Seconds until the job has to be killed; None where it need not be, or has been."""
        if not self.is_final or self._killed:
            return None
        return self._since + self._grace - time.monotonic()

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

        return Stop(self._number, self._since, ended - self._since, self._begun, self._killed, self._grace)
