"""The exit code of a stopped job that can be resumed, for engines that requeue by exit code: ``SMC_EXIT_STOPPED``."""

from __future__ import annotations

import contextlib
import time

from smc_core import platforms
from smc_core.errors import EXIT_INTERNAL, ConfigurationError
from smc_core.settings import EXIT_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from smc_core.contract import JobPaths
    from smc_core.process.outcome.text import Outcome


class Requeue:
    """Decides whether a stopped job gets that exit code. To be created when the job begins.

    Args:
        environ: the variables of the job.
        paths: its folders.

    Raises:
        ConfigurationError: ``SMC_EXIT_STOPPED`` is no number from 6 to 125, or is 70, which means a bug in smc.

    """

    def __init__(self, environ: Mapping[str, str], paths: JobPaths) -> None:
        self._code = EXIT_STOPPED.given(environ)
        if self._code == EXIT_INTERNAL:
            raise ConfigurationError(
                f"variable {EXIT_STOPPED} is {self._code}, which means a bug in smc; choose another, such as 75"
            )
        self._since = time.time()
        self._folder = paths.checkpoints
        with contextlib.suppress(ConfigurationError):  # the job itself will say what is malformed
            self._folder = platforms.current(environ).checkpoint_dir or paths.checkpoints

    def is_due(self) -> bool:
        """Whether a job that was stopped now has left a checkpoint, and the exit code is asked for."""
        if self._code is None:
            return False
        from smc_core.process.outcome.checkpoint import was_left

        return was_left(self._folder, self._since)

    def applied(self, found: Outcome) -> Outcome:
        """The outcome of a job, with that exit code if it was stopped and has left a checkpoint."""
        from smc_core.process.outcome.ending import STOPPED

        if found.status != STOPPED or self._code is None or not self.is_due():
            return found
        head = f"{found.head}\nA checkpoint is in {self._folder}: exit code {self._code} ({EXIT_STOPPED})."
        return found._replace(
            exit_code=self._code,
            head=head,
            text=found.text.replace(found.head, head, 1),
            log=f"exit code {self._code} ({EXIT_STOPPED}): {found.first_line}",
        )
