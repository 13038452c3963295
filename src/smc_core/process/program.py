"""The net below the programs that start other processes: whatever fails in one reaches the failure file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smc_core.process import log
from smc_core.process.failure import report_failure


def main(run: Callable[[Sequence[str]], int], argv: Sequence[str], *, phase: str = "launch") -> int:
    """Run a program; an error is logged in one or two lines and reported.

    Args:
        run: the program: takes its arguments, returns its exit code.
        argv: the arguments.
        phase: what it does, for the report: launch or hosts.

    Returns:
        Its exit code; the error's own where it fails, 70 for one that nobody expects.

    """
    try:
        return run(argv)
    except Exception as error:  # noqa: BLE001 - whatever fails here must reach the failure file
        report_failure(error, phase=phase)
        return log.failure(error)
