"""For programs that a launcher starts in place of the user's, and that start the training processes.

The last line of such a program is ``sys.exit(main(run, sys.argv[1:]))``: any failure in it is logged on one line and
appears in ``output/failure``. Standard library only: it runs beside the user's processes for as long as the job takes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from smc_core.errors import EXIT_HOST, EXIT_USER_CODE
from smc_core.process.outcome.ending import exit_code
from smc_core.process.program import start_child
from smc_core.process.report.for_another import report_for_another
from smc_core.process.report.reader import first_report
from smc_core.process.signals import STOP_SIGNALS, Inbox
from smc_core.process.signals import name as signal_name

if TYPE_CHECKING:
    from smc_core.command import Signals

LEAVE_SECONDS = 10.0
"""Seconds from SIGTERM to SIGKILL for ranks whose job has failed elsewhere."""
_SELF_EXPLAINING = {signal.SIGKILL, signal.SIGTERM}


def run_child(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    signals: Signals = "process",
    send: Callable[[int, int], None] | None = None,
    inbox: Inbox | None = None,
) -> int:
    """Start a program, pass on to it every signal that this process gets, and wait until it exits.

    Args:
        command: an argument list; no shell reads it.
        environ: all of its variables, by default those of this process.
        signals: who gets a signal: the program's own ``process``, as a Python program needs it; or its process
            ``group``, as a shell does; the program then leads its own session.
        send: called with the process id and the signal, to do something other than that.
        inbox: where the signals of this process arrive, in a program that has an :class:`Inbox` already.

    Returns:
        Its exit code; minus n if signal n killed it, as :func:`main` expects it.

    Raises:
        CodeError: it cannot be started.

    """
    inbox = inbox or Inbox()
    child = start_child(command, environ=environ, own_session=signals == "group")
    pass_on = send or (os.killpg if signals == "group" else os.kill)
    while child.poll() is None:
        select.select([inbox.descriptor], [], [])  # SIGCHLD too arrives there
        for number in inbox.take():
            if number != signal.SIGCHLD and child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    pass_on(child.pid, number)
    return child.returncode


def run_ranks(command: Sequence[str], ranks: Mapping[int, Mapping[str, str]]) -> int:
    """Run a program once for each rank of this host, and wait for them all.

    Every signal that this process gets is passed on to each. If a rank fails unasked, that is reported unless it has
    done so itself. The others, which would wait for it, are stopped: SIGTERM, and SIGKILL ten seconds later.

    Args:
        command: an argument list; no shell reads it.
        ranks: number of each rank in the whole job → its variables in addition to those of this process; ``RANK`` is
            set automatically.

    Returns:
        0 if every rank exits with 0; otherwise the exit code of the first that failed, or minus the signal that killed
        it, as :func:`main` expects it.

    Raises:
        CodeError: the program cannot be started.

    """
    inbox, was_asked = Inbox(), False
    children: dict[int, subprocess.Popen[bytes]] = {}
    try:
        for rank, variables in ranks.items():
            children[rank] = start_child(command, environ={**os.environ, "RANK": str(rank), **variables})
        while True:
            statuses = {rank: child.poll() for rank, child in children.items()}
            failed = next((rank for rank, status in statuses.items() if status), None)
            if failed is not None and not was_asked:
                if first_report(pid=children[failed].pid) is None:
                    report_death(f"rank {failed}", children[failed].returncode, rank=failed, silent=True)
                return children[failed].returncode
            if None not in statuses.values():
                return 0 if failed is None else children[failed].returncode
            select.select([inbox.descriptor], [], [])
            for number in inbox.take():
                was_asked = was_asked or number in STOP_SIGNALS
                if number != signal.SIGCHLD:
                    for child in children.values():
                        child.send_signal(number)  # does nothing if it has exited
    finally:
        stop_children(children.values(), LEAVE_SECONDS)


def stop_children(children: Iterable[subprocess.Popen[bytes]], seconds: float) -> None:
    """Stop child processes: SIGTERM, and later SIGKILL for those that are still alive.

    Args:
        children: the processes; those that have exited are left alone.
        seconds: between the two signals.

    """
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    until = time.monotonic() + seconds
    for child in running:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def death_in_words(who: str, status: int, *, silent: bool = False) -> str:
    """``rank 3 was killed by SIGSEGV (Segmentation fault)``, or ``… ended with exit code 3``.

    Args:
        who: the process in words, such as ``rank 3``.
        status: its exit code, or minus the signal that killed it.
        silent: whether it is a Python program that has reported no exception; the text says so for an exit code.

    """
    if status >= 0:
        return f"{who} ended with exit code {status}{', without an exception' if silent else ''}"
    words = "" if -status in _SELF_EXPLAINING else signal.strsignal(-status)
    return f"{who} was killed by {signal_name(-status)}{f' ({words})' if words else ''}"


def report_death(
    who: str,
    status: int,
    *,
    rank: int | None = None,
    silent: bool = False,
    phase: Literal["train", "hosts"] = "train",
    at: float | None = None,
) -> str:
    """Report the death of a process that could not report it itself. Never raises.

    It counts as the cause of earlier reports of others: a process that is killed cannot record when.

    Args:
        who: the process in words, such as ``rank 3``.
        status: its exit code, or minus the signal that killed it.
        rank: its number in the job, if it has one.
        silent: as for :func:`death_in_words`.
        phase: ``train``, or ``hosts`` if it served the job and was not the user's.
        at: when it died, in seconds since the epoch; by default now.

    Returns:
        What was reported, for the log.

    """
    words = death_in_words(who, status, silent=silent)
    code = exit_code(status) or (EXIT_HOST if phase == "hosts" else EXIT_USER_CODE)
    report_for_another(words, rank=rank, phase=phase, exit_code=code, at=at)
    return words
