"""Detects a process that has failed but does not exit, because it waits for other ranks while they wait for it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from smc_core.process.report.reader import Report, job_reports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class HangWatch:
    """Looks for processes of this host that have reported a failure and are still alive.

    Args:
        timeout: seconds that such a process has to exit.
        environ: the variables of a process of the job.
        is_alive: whether a process is alive; by default, whether ``/proc`` lists it.

    """

    def __init__(
        self, timeout: float, environ: Mapping[str, str] = os.environ, is_alive: Callable[[int], bool] | None = None
    ) -> None:
        self._timeout = timeout
        self._environ = environ
        self._is_alive = is_alive or _is_alive
        self._report: Report | None = None
        self._since = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code that the hanging process reported; never 0."""
        return (self._report.exit_code if self._report is not None else 0) or 1

    def sees_hang(self, now: float) -> bool:
        """Whether such a process has stayed alive for the whole time-out.

        Args:
            now: seconds on the monotonic clock.

        """
        found = next((report for report in job_reports(self._environ) if self._is_alive(report.pid)), None)
        if found != self._report:
            self._report, self._since = found, now
        return found is not None and now - self._since >= self._timeout


def _is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
