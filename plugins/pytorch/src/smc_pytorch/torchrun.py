"""``torch.distributed.run`` as smc starts it: its own parser and agent, with a different end.

- A failure is logged on one line, and the exit code is that of the root cause. A process that could not report its
  failure itself, for example because a signal killed it, is reported here.
- SIGTERM and the other signals that ask a process to exit are passed on to the processes, which then get as much time
  as they need: torchrun itself would kill them after 30 seconds, in the middle of a checkpoint. The supervisor limits
  the time.

The agent runs in a thread, and signals go to the main thread, which never waits inside a library. The program is
started by the path of this file, and the folder of the user's code is not in its ``sys.path``: a user's file cannot
replace a module of ours or of PyTorch's.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path[1:] if os.path.realpath(entry) != os.getcwd()]
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import functools
import logging
import signal
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

from smc_core.errors import HostError
from smc_core.kit import (
    STOP_SIGNALS,
    exit_code,
    log_line,
    main,
    report_death,
    report_for_another,
    signals_to_take,
)
from smc_pytorch.absent import RollCall, left_in_words
from smc_pytorch.deaths import Death, Watch, culprit, early, waited_in_vain

_STOP_SECONDS = 2.0
"""How long the agent may take to see that all processes have ended, where they were asked to."""


class Processes:
    """The processes that train on this host, and whether they were asked to exit."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.over = threading.Event()
        """Set when there is nothing left to wait for."""
        self.error: BaseException | None = None
        """What the agent ended with, but for a failure of its processes."""
        self.statuses: dict[int, int] = {}
        """What the agent knows of those that failed: rank → exit code, or the signal as a negative number."""
        self.left: list[str] = []
        """Processes of any host that had left with exit code 0 when one of this host had failed, in words."""
        self._environ: dict[str, str] = {}
        self._lock = threading.Lock()
        self._asked: list[int] = []
        self._starting = False

    @property
    def asked_to_end(self) -> bool:
        """Whether a signal has asked the processes to exit."""
        return any(number in STOP_SIGNALS for number in self._asked)

    def take_signals(self) -> None:
        """Receive the signals of this process from now on."""
        for number in signals_to_take() - {signal.SIGCHLD}:
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, _frame: object) -> None:
        with self._lock:
            self._asked.append(number)
            if not self.watch.pids and not self._starting and number in STOP_SIGNALS:
                _leave(exit_code(-number))  # nothing has been started
            self.watch.send(number)

    def start(self, start: Any, context: Any) -> None:
        """Replaces ``start`` of torchrun's context: notes the processes, and passes on earlier signals."""
        with self._lock:
            self._starting = True
        start(context)
        with self._lock:
            ranks = {local: int(environ["RANK"]) for local, environ in context.envs.items()}
            self._environ = next(iter(context.envs.values()), {})
            self.watch.begin(
                {pid: (ranks[local], local) for local, pid in context.pids().items()}, self._all_dead, self._seen
            )
            self._starting = False
            for number in self._asked:
                self.watch.send(number)

    def close(self, close: Any, context: Any, *arguments: Any, **options: Any) -> None:
        """Replaces its ``close``: waits for processes that were asked to exit, and kills nothing."""
        if self.asked_to_end:
            self.watch.join()
        elif any(death.status for death in self.watch.deaths) and self._spans_hosts:
            self.left = self._roll_call(0).left()  # while the store exists
        self.watch.note_closing()
        close(context, *arguments, **options)

    @property
    def _spans_hosts(self) -> bool:
        return self._environ.get("WORLD_SIZE") != self._environ.get("LOCAL_WORLD_SIZE")

    def _roll_call(self, rank: int) -> RollCall:
        return RollCall(rank, int(self._environ["WORLD_SIZE"]), {**os.environ, **self._environ})

    def _seen(self, death: Death) -> None:
        """Record for the processes that may wait for it that a process has exited: it may not have done so itself."""
        if death.status == 0 and not self.asked_to_end:
            roll_call = self._roll_call(death.rank)
            roll_call.leave()
            roll_call.register()

    def _all_dead(self) -> None:
        if self.asked_to_end:
            self.over.set()  # the agent would wait for the other hosts, which are exiting as well


def run(argv: Sequence[str]) -> int:
    """Run the job's processes on this host; returns the exit code.

    Args:
        argv: torchrun's arguments, then the program and its arguments.

    """
    processes = Processes()
    processes.take_signals()
    from torch.distributed.elastic.multiprocessing import PContext

    _replace(PContext, "start", processes.start)
    _replace(PContext, "close", processes.close)
    # It would warn that signals do not reach its thread, and log at length a failure that is logged here on one line.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="torchrun-", ignore_cleanup_errors=True) as folder:
        if not os.environ.get("PET_LOG_DIR"):
            argv = [f"--log-dir={folder}", *argv]  # otherwise it leaves a folder behind
        agent = threading.Thread(target=_run_agent, args=(argv, processes), daemon=True, name="agent")
        agent.start()
        processes.over.wait()
        processes.watch.join()
        agent.join(_STOP_SECONDS if processes.asked_to_end else None)
        code = _exit_code(processes)
    if agent.is_alive():
        _leave(code)
    return code


def _run_agent(argv: list[str], processes: Processes) -> None:
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        run.run(run.parse_args(argv))
    except ChildFailedError as error:
        processes.statuses = {rank: failure.exitcode for rank, failure in error.failures.items()}
    except BaseException as error:  # noqa: BLE001 - the main thread reports it
        processes.error = error
    finally:
        processes.over.set()


def _replace(owner: Any, name: str, function: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(*arguments: Any, **options: Any) -> None:
        function(original, *arguments, **options)

    setattr(owner, name, method)


def _exit_code(processes: Processes) -> int:
    """Report the first process that failed, and return its exit code; 0 if none has."""
    processes.watch.correct(processes.statuses)  # all are known to have exited by now
    deaths = processes.watch.deaths
    if processes.asked_to_end:
        failed = [death for death in deaths if death.status != 0]
        return failed[0].exit_code if failed else 0
    first = culprit(deaths, processes.watch.by_themselves, os.environ)
    if first is not None:
        if not _report_those_that_left(first, processes):
            _report(first)
        return first.exit_code
    if processes.error is None:
        return 0
    raise _as_ours(processes.error)


def _report_those_that_left(first: Death, processes: Processes) -> bool:
    """If the first process to fail had waited for processes that had exited, report those: they are the cause."""
    report = waited_in_vain(first, os.environ)
    if report is None:
        return False
    left = early(processes.watch.deaths, report) or processes.left
    if not left:
        return False
    words = left_in_words(left, report.phase if report.phase == "save" else "train")
    text = f"{words}; then {report.type} in rank {first.rank}: {report.message}"
    report_for_another(text, exit_code=first.exit_code, rank=first.rank)
    log_line(f"torchrun: {words}")
    return True


def _report(death: Death) -> None:
    if not death.reported:
        report_death(death.who, death.status, rank=death.rank, silent=True)
    log_line(f"torchrun: {death.in_words}")


def _as_ours(error: BaseException) -> BaseException:
    """The error for a failure of the agent itself, mostly of the rendezvous."""
    import torch.distributed as dist
    from torch.distributed.elastic.rendezvous import RendezvousError

    if not isinstance(error, (dist.DistError, RendezvousError, OSError)):
        return error
    address = f"{os.environ.get('SM_MASTER_ADDR')}:{os.environ.get('SM_MASTER_PORT')}"
    ours = HostError(f"torchrun cannot join the hosts at {address}: {' '.join(str(error).split())}")
    ours.__cause__ = error
    return ours


def _leave(code: int) -> None:
    """Exit now, whatever other threads do."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
