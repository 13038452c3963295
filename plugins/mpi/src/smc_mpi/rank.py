"""One rank: starts the command, and tells what the command itself cannot.

Started by its path, by Open MPI's daemon: ``python rank.py KIND -- COMMAND``. KIND is ``python``, whose process gets
signals alone, or ``binary``, with which all that it has started gets them. A rank that a signal kills gets a report
that names it; and one that has failed, but waits in ``MPI_Finalize`` for ranks that wait for it in a collective
operation, is ended, so that ``mpirun`` ends the others.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

import os
import signal
import subprocess
from collections.abc import Sequence

from smc_core.contract import REPORT_DIR_ENV
from smc_core.errors import CodeError
from smc_core.process import log, processes, reports
from smc_core.process.report_reader import Report, read_reports
from smc_core.process.signals import name as signal_name
from smc_mpi import failures

_LOOK_SECONDS = 0.5
"""Between two looks at whether the command has reported that it failed."""
_FINALIZE_SECONDS = 3.0
"""What a command that has failed gets to end by itself."""
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main(argv: Sequence[str]) -> int:
    """Run the command, and note that it has failed; returns its exit code, 128 + n where signal n killed it."""
    code = _run(argv)
    failures.note(code)
    return code


def _run(argv: Sequence[str]) -> int:
    kind, command = argv[0], argv[2:]
    try:
        child = subprocess.Popen(command)  # noqa: S603 - an argument list
    except OSError as error:
        told = CodeError.of_start(command[0], error)
        reports.write_report(told, phase="launch")
        return log.failure(told)
    asked: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        asked.append(number)
        if kind == "binary":
            processes.send(processes.descendants([child.pid], processes.table()), number)
        child.send_signal(number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    status = _wait(child)
    if status >= 0:
        return status
    if -status not in asked and -status != signal.SIGTERM:
        rank = next((os.environ[each] for each in _RANKS if os.environ.get(each, "").isdecimal()), None)
        reports.write_for_another(
            f"was killed by {signal_name(-status)}",
            host=os.environ.get("SM_CURRENT_HOST", ""),
            rank=None if rank is None else int(rank),
            type_name=f"rank {rank}",
            exit_code=128 - status,
        )
    return 128 - status


_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK")


def _wait(child: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return child.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            report = _own_report(child.pid)
        if report is not None:
            try:
                return child.wait(_FINALIZE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return report.exit_code


def _own_report(pid: int) -> Report | None:
    found = read_reports(os.environ.get(REPORT_DIR_ENV))
    return next((report for report in found if report.pid == pid), None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
