"""Report why this process fails, in an interpreter in which the user's code may have run.

The report must be written even if the user's ``json.py`` shadows the standard library's.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def report_failure(error: BaseException, *, phase: str, environ: Mapping[str, str] = os.environ) -> None:
    """Write a report by :func:`smc_core.process.report.writer.write_report`; never raises.

    Args:
        error: the exception, with its traceback.
        phase: what the process was doing.
        environ: the variables of this process.

    """
    try:
        from smc_core.process.script_runner import GenuineStandardLibrary

        with GenuineStandardLibrary():
            from smc_core.process.report.writer import write_report

            write_report(error, phase=phase, environ=environ)
    except BaseException:  # noqa: BLE001, S110 - whatever fails here, the reported error matters more
        pass
