"""The tasks of one host under the parameter server strategy, and on the master host the user's command beside them.

Each worker and parameter server is a process of its own (``server.py``), which is started, watched and ended here.
One that dies ends what runs on this host, and leaves a report that names it: TensorFlow's coordinator would wait for a
worker for ever, and blame a connection for the loss of a parameter server.

A program, started by the path of this file, with the cluster in ``TF_CONFIG``::

    python parameter_server.py --host algo-1 --serve ps:0 --serve worker:0 [-- COMMAND]
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

import argparse
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from smc_core.contract import REPORT_DIR_ENV
from smc_core.errors import EXIT_HOST, EXIT_SIGNAL_BASE
from smc_core.kit.launcher import main
from smc_core.process import log, signals
from smc_core.process.report import reader
from smc_core.process.report.for_another import write_for_another
from smc_tensorflow.tf_config import CHIEF, PS, TF_CONFIG_ENV, Task, read_tf_config, write_tf_config

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "server.py")

LEAVE_SECONDS = 10.0
"""Seconds from SIGTERM to SIGKILL for the user's process, when a server has died."""
SERVER_LEAVE_SECONDS = 2.0
"""The same for a server, which has nothing to bring to an end."""
_SETTLE_SECONDS = 0.5
"""Seconds in which a dead server may still show, after the user's process has failed."""
_TURN_SECONDS = 0.5
_CONNECT_SECONDS = 1.0
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(argv: Sequence[str]) -> int:
    """Run one host's part; returns the exit code."""
    parser = argparse.ArgumentParser(prog="parameter_server")
    parser.add_argument("--host", required=True)
    parser.add_argument("--serve", action="append", default=[], type=_task)
    parser.add_argument("command", nargs="*")
    options = parser.parse_args(argv)
    inbox = signals.Inbox()
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)  # or the processes would inherit that the inbox ignores it
    return _as_it_ended(_Part(options.host, options.serve, options.command, inbox).run())


def _task(text: str) -> Task:
    kind, _, index = text.partition(":")
    return Task(kind, int(index))


class _Part:
    """The processes of one host, from their start to their end.

    Args:
        host: name of this host.
        tasks: what it serves.
        command: the user's command; empty on a host that only serves.
        inbox: the signals that arrive.

    """

    def __init__(self, host: str, tasks: Sequence[Task], command: Sequence[str], inbox: signals.Inbox) -> None:
        self._host = host
        self._tasks = tasks
        self._command = list(command)
        self._inbox = inbox
        self._cluster, _ = read_tf_config(os.environ.get(TF_CONFIG_ENV, ""))
        self._servers: dict[Task, subprocess.Popen[bytes]] = {}
        self._user: subprocess.Popen[bytes] | None = None
        self._stop = 0

    def run(self) -> int:
        """Start, watch and end them; returns the exit code, or minus the signal that ended the user's process."""
        try:
            for task in self._tasks:
                self._servers[task] = self._start_server(task)
            if self._command:
                self._user = subprocess.Popen(self._command)  # noqa: S603 - an argument list
            return self._watch()
        finally:
            _end(list(self._servers.values()), SERVER_LEAVE_SECONDS)

    def _start_server(self, task: Task) -> subprocess.Popen[bytes]:
        environ = {**os.environ, TF_CONFIG_ENV: write_tf_config(self._cluster, task)}
        if task.type == PS:
            environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU belongs to its worker; TensorFlow takes all of its memory
        # In a session of its own: Ctrl-C on a terminal is for the user's process, which may need its servers once more.
        return subprocess.Popen([sys.executable, SERVER], env=environ, start_new_session=True)  # noqa: S603

    def _watch(self) -> int:
        """Wait for the end of the user's process, of a server, or of the chief on another host."""
        while True:
            self._take_signals()
            ended = None if self._user is None else self._user.poll()
            if ended == 0:
                return 0
            lost = self._lost(_SETTLE_SECONDS if ended is not None else 0.0)
            if lost is not None and not self._stop:
                self._tell(lost)
                if self._user is not None:
                    _end([self._user], LEAVE_SECONDS)
                return _exit_code(self._servers[lost].returncode)
            if ended is not None:
                return ended
            if self._user is None and self._stop and not self._chief_answers():
                return -self._stop
            select.select([self._inbox.descriptor], [], [], _TURN_SECONDS)

    def _take_signals(self) -> None:
        """Pass each signal to the user's process alone; a host that only serves remembers that it is to end."""
        for number in self._inbox.take():
            if number == signal.SIGCHLD:
                continue
            if self._user is not None:
                self._user.send_signal(number)
            if number in _STOPS:
                self._stop = self._stop or number

    def _chief_answers(self) -> bool:
        """Whether the chief is there: when all hosts are stopped, it may need its servers for a last checkpoint."""
        for address in self._cluster.get(CHIEF, []):
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
                    return True
            except OSError:
                pass
        return False

    def _lost(self, patience: float) -> Task | None:
        """A server that has ended, which none does by itself."""
        until = time.monotonic() + patience
        while True:
            for task, server in self._servers.items():
                if server.poll() is not None:
                    return task
            if time.monotonic() >= until:
                return None
            time.sleep(0.05)

    def _tell(self, task: Task) -> None:
        """Report a lost server, unless it has told its end itself."""
        server = self._servers[task]
        told = reader.read_reports(os.environ.get(REPORT_DIR_ENV))
        if any(report.pid == server.pid for report in told):
            return
        status = server.returncode
        how = f"was killed by {signals.name(-status)}" if status < 0 else f"ended with exit code {status}"
        message = f"TensorFlow's task {task} on {self._host} {how}"
        code = _exit_code(status)
        write_for_another(message, host=self._host, rank=None, phase="hosts", exit_code=code)
        log.line(message)


def _exit_code(status: int) -> int:
    """The exit code for a lost server: its own, or 128 + n where signal n killed it; never that of a success.

    By a code above 128 the hosts know a sudden death, which comes before all that it has brought about elsewhere: the
    chief, on another host, may have reported a broken connection before the death was noticed here.
    """
    return EXIT_SIGNAL_BASE - status if status < 0 else status or EXIT_HOST


def _end(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """End processes: SIGTERM, and SIGKILL for those that are still there some seconds later."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _as_it_ended(status: int) -> int:
    """The exit code; where a signal ended the user's process, it ends this one too, so that the supervisor sees it."""
    if status >= 0:
        return status
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the user's process has left its core already
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    return 128 - status


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
