"""The tasks of one host under the parameter server strategy and, on the master host, the user's command.

Each worker and parameter server is a separate process (``server.py``), which is started, watched and stopped here. If
one dies, everything on this host is stopped, and a report names it: TensorFlow's coordinator would wait for a worker
forever, and blame a connection for the loss of a parameter server.

A program, started by the path of this file, with the cluster in ``TF_CONFIG``::

    python parameter_server.py --host algo-1 --serve ps:0 --serve worker:0 [-- COMMAND]
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.kit import prefer_standard_library

    prefer_standard_library()

import argparse
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from smc_core.errors import EXIT_HOST
from smc_core.kit import (
    STOP_SIGNALS,
    Inbox,
    exit_code,
    first_report,
    log_line,
    main,
    report_death,
    start_child,
    stop_children,
)
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


def run(argv: Sequence[str]) -> int:
    """Run one host's part; returns the exit code, or minus the signal that killed the user's process."""
    parser = argparse.ArgumentParser(prog="parameter_server")
    parser.add_argument("--host", required=True)
    parser.add_argument("--serve", action="append", default=[], type=_task)
    parser.add_argument("command", nargs="*")
    options = parser.parse_args(argv)
    return _Part(options.host, options.serve, options.command, Inbox()).run()


def _task(text: str) -> Task:
    kind, _, index = text.partition(":")
    return Task(kind, int(index))


class _Part:
    """The processes of one host, from start to exit.

    Args:
        host: name of this host.
        tasks: the tasks that it serves.
        command: the user's command; empty on a host that only serves.
        inbox: the signals that arrive.

    """

    def __init__(self, host: str, tasks: Sequence[Task], command: Sequence[str], inbox: Inbox) -> None:
        self._host = host
        self._tasks = tasks
        self._command = list(command)
        self._inbox = inbox
        self._cluster, _ = read_tf_config(os.environ.get(TF_CONFIG_ENV, ""))
        self._servers: dict[Task, subprocess.Popen[bytes]] = {}
        self._user: subprocess.Popen[bytes] | None = None
        self._stop = 0

    def run(self) -> int:
        """Start, watch and stop them; returns the exit code, or minus the signal that killed the user's process."""
        try:
            for task in self._tasks:
                self._servers[task] = self._start_server(task)
            if self._command:
                self._user = start_child(self._command)
            return self._watch()
        finally:
            stop_children(self._servers.values(), SERVER_LEAVE_SECONDS)

    def _start_server(self, task: Task) -> subprocess.Popen[bytes]:
        environ = {**os.environ, TF_CONFIG_ENV: write_tf_config(self._cluster, task)}
        if task.type == PS:
            environ["CUDA_VISIBLE_DEVICES"] = "-1"  # GPUs are for workers; TensorFlow takes all of their memory
        # In its own session: Ctrl-C on a terminal is for the user's process, which may still need its servers.
        return start_child([sys.executable, SERVER], environ=environ, own_session=True)

    def _watch(self) -> int:
        """Wait until the user's process, a server, or the chief on another host exits."""
        while True:
            self._take_signals()
            ended = None if self._user is None else self._user.poll()
            if ended == 0:
                return 0
            lost = self._lost(_SETTLE_SECONDS if ended is not None else 0.0)
            if lost is not None and not self._stop:
                self._report_lost(lost)
                if self._user is not None:
                    stop_children([self._user], LEAVE_SECONDS)
                return exit_code(self._servers[lost].returncode) or EXIT_HOST
            if ended is not None:
                return ended
            if self._user is None and self._stop and not self._chief_answers():
                return -self._stop
            select.select([self._inbox.descriptor], [], [], _TURN_SECONDS)

    def _take_signals(self) -> None:
        """Pass each signal only to the user's process; a host that only serves remembers that it has to exit."""
        for number in self._inbox.take():
            if number == signal.SIGCHLD:
                continue
            if self._user is not None:
                self._user.send_signal(number)
            if number in STOP_SIGNALS:
                self._stop = self._stop or number

    def _chief_answers(self) -> bool:
        """Whether the chief is alive: when all hosts are stopped, it may need its servers for a last checkpoint."""
        for address in self._cluster.get(CHIEF, []):
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
                    return True
            except OSError:
                pass
        return False

    def _lost(self, patience: float) -> Task | None:
        """A server that has exited, which none does unasked."""
        until = time.monotonic() + patience
        while True:
            for task, server in self._servers.items():
                if server.poll() is not None:
                    return task
            if time.monotonic() >= until:
                return None
            time.sleep(0.05)

    def _report_lost(self, task: Task) -> None:
        """Report a lost server, unless it has reported its own failure.

        An exit code above 128 marks a sudden death for the other hosts. It takes precedence over its consequences
        elsewhere: the chief, on another host, may have reported a broken connection before the death was noticed here.
        """
        server = self._servers[task]
        if first_report(pid=server.pid) is None:
            who = f"TensorFlow's task {task} on {self._host}"
            log_line(report_death(who, server.returncode, phase="hosts"))


if __name__ == "__main__":
    sys.exit(main(run, sys.argv[1:]))
