"""The first process of a launched job on each of several hosts, which stand and fall together.

It calls the roll of the hosts, starts the launcher, passes signals on to it, and tells the other hosts how it ended;
where another host has failed, it ends what runs here, and leaves a report that names the culprit. Otherwise each
host would wait in a collective operation for one that is gone, and blame the connection.

A program, started by the path of this file::

    python agent.py --host algo-2 --hosts algo-1,algo-2 --port 7778 [--serves] -- COMMAND
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from smc_core.contract import REPORT_DIR_ENV
from smc_core.errors import EXIT_HOST, CodeError
from smc_core.process import diagnosis, log, program, signals
from smc_core.process.failure import report_failure
from smc_core.process.hosts import rendezvous
from smc_core.process.hosts.coordinator import SETTLE_SECONDS
from smc_core.process.hosts.messages import Cause
from smc_core.process.hosts.peers import Peers
from smc_core.process.hosts.root_cause import own_cause
from smc_core.process.parent.stopping import stop_grace
from smc_core.process.report import writer
from smc_core.process.report.for_another import write_for_another
from smc_core.process.report.reader import Report, read_reports
from smc_core.settings import HOST_TIMEOUT

LEAVE_SECONDS = 5.0
"""Seconds that a command has to end by itself when another host has failed; then it gets SIGTERM."""
KILL_SECONDS = 10.0
"""Seconds from that SIGTERM to SIGKILL."""
LOOK_SECONDS = 1.0
"""Between two looks at whether a process of the command has reported that it failed."""


def main(argv: Sequence[str]) -> int:
    """Run one host's part; returns the exit code."""
    options = _parser().parse_args(argv)
    timeout = host_timeout(os.environ)
    grace = stop_grace(os.environ)
    peers = rendezvous.call(options.host, options.hosts, options.port, timeout)
    return _Part(options, peers, signals.Inbox(), grace, timeout).run()


def host_timeout(environ: Mapping[str, str]) -> float:
    """Seconds of silence after which a host is lost: ``SMC_HOST_TIMEOUT``, by default 30; 0 leaves the hosts alone.

    Raises:
        ConfigurationError: it is not a number of seconds.

    """
    return HOST_TIMEOUT.of(environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="together")
    parser.add_argument("--host", required=True)
    parser.add_argument("--hosts", required=True, type=lambda text: text.split(","))
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--signals", default="process", choices=("process", "group"))
    parser.add_argument("--launcher", default="launcher")
    parser.add_argument("--serves", action="store_true")
    parser.add_argument("command", nargs="+")
    return parser


class _Failed(NamedTuple):
    """A process that has failed and has not left: its report, and the monotonic time at which that was seen."""

    report: Report
    seen: float


class _Part:
    """The launcher on this host, from its start to its end."""

    def __init__(
        self, options: argparse.Namespace, peers: Peers, inbox: signals.Inbox, grace: float, timeout: float
    ) -> None:
        self._options = options
        self._peers = peers
        self._inbox = inbox
        self._grace = grace
        self._timeout = timeout
        self._failed: _Failed | None = None
        self._hangs = False
        self._asked_at: float | None = None
        self._told: Cause | None = None
        self._has_served = False
        self._end_at: float | None = None
        self._kill_at: float | None = None

    def run(self) -> int:
        """Start it, watch it and the others, and tell how it ended; returns the exit code."""
        writer.note_command(self._options.signals, self._options.launcher, len(self._options.hosts))
        self._memory = diagnosis.memory()
        self._peers.wake(self._inbox.descriptor, self._take_signals)
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)  # or the command would inherit that the inbox ignores it
        try:
            self._child = subprocess.Popen(self._options.command, start_new_session=True)  # noqa: S603 - a list
        except OSError as error:
            return self._cannot_start(CodeError.of_start(self._options.command[0], error))
        status = self._child.poll()
        while status is None:
            self._peers.turn(self._longest_wait())
            self._react(time.monotonic())
            status = self._child.poll()
        code = self._end(status)
        self._peers.close()
        return code

    def _cannot_start(self, error: CodeError) -> int:
        report_failure(error, phase="launch")
        self._peers.tell_failed(Cause(self._options.host, None, time.time(), False, f"CodeError: {error}"))
        self._settle()
        self._peers.close()
        return log.failure(error)

    def _longest_wait(self) -> float:
        times = [moment for moment in (self._end_at, self._kill_at) if moment is not None]
        return max(0.0, min(times) - time.monotonic()) if times else LOOK_SECONDS

    def _take_signals(self) -> None:
        for number in self._inbox.take():
            if number == signal.SIGCHLD:
                continue
            self._send(number)
            if number in (signal.SIGTERM, signal.SIGINT):
                self._asked_at = self._asked_at or time.time()
                if self._peers.cause is not None and self._end_at is not None:
                    self._end_at, self._kill_at = None, time.monotonic() + KILL_SECONDS

    def _send(self, number: int) -> None:
        """To the process alone, or to all of its group, as the supervisor does."""
        if self._child.returncode is not None:
            return
        try:
            if self._options.signals == "process":
                os.kill(self._child.pid, number)
            else:
                os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass

    def _react(self, now: float) -> None:
        """End the command where another host's end asks for it."""
        if self._peers.is_final:
            self._tell_cause()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._send(signal.SIGKILL)
                self._kill_at = now + KILL_SECONDS
        elif self._asked_at is not None:
            return  # whoever asked sees to the rest
        elif self._end_at is not None and now >= self._end_at:
            self._send(signal.SIGTERM)
            self._kill_at = now + KILL_SECONDS
            self._end_at = None
        elif self._end_at is None:
            self._decide(now)
        elif self._peers.cause is not None:
            self._end_at = min(self._end_at, now + LEAVE_SECONDS)

    def _tell_cause(self) -> None:
        """Leave a report of what has happened on another host, by which this one's failure file will begin."""
        cause = self._peers.cause
        if self._told is None and cause is not None and cause.host != self._options.host:
            self._told = cause
            write_for_another(f"{cause}", host=cause.host, rank=cause.rank, phase="hosts", at=cause.time)

    def _decide(self, now: float) -> None:
        peers = self._peers
        if peers.cause is not None:
            log.line(f"{peers.cause}: this host ends too")
            self._end_at = now + LEAVE_SECONDS
        elif peers.master_done and self._options.serves:
            self._has_served = True
            self._end_at = now
        elif peers.stopped is not None:
            log.line(f"host {peers.stopped} was asked to end, and has ended")
            self._end_at = now + self._grace
        elif self._hangs_since(now) >= self._timeout:
            log.line(f"a process has failed, and has not left within {self._timeout:g} s: the command is ended")
            self._hangs = True
            self._end_at = now

    def _hangs_since(self, now: float) -> float:
        """Seconds since a process that is still there has reported that it failed; 0 where none has.

        One that has joined the others may wait for them before it leaves, as they wait for it.
        """
        found = read_reports(os.environ.get(REPORT_DIR_ENV))
        stays = next((report for report in found if os.path.exists(f"/proc/{report.pid}")), None)
        if stays is None:
            self._failed = None
            return 0.0
        if self._failed is None or self._failed.report != stays:
            self._failed = _Failed(stays, now)
        return now - self._failed.seen

    def _end(self, status: int) -> int:
        """Tell the others, hear from them who was first, and return the exit code."""
        peers, was_ended = self._peers, self._kill_at is not None and not self._hangs
        if self._hangs and self._failed is not None:
            status = self._failed.report.exit_code or 1
        if self._has_served and was_ended and peers.cause is None:
            peers.tell_done()
            return 0
        if self._asked_at is not None:
            if self._told is None or self._told.time >= self._asked_at:
                peers.tell_stopped()
                return _as_it_ended(status)
            was_ended = True  # another host's failure came first, and asked for this one's end too
        if status == 0 and not was_ended:
            if not self._options.serves or self._master_ends_well():
                peers.tell_done()
                self._stay()
                return 0
            was_ended = True
        if not was_ended:
            peers.tell_failed(own_cause(self._options.host, self._child.pid, status, self._memory))
        self._settle()
        self._tell_cause()
        if peers.cause is None and was_ended:
            culprit = str(peers.stopped)
            write_for_another(f"host {culprit} was asked to end", host=culprit, rank=None, phase="hosts")
        is_blameless = was_ended or self._told is not None  # however its command took the loss of another host
        return EXIT_HOST if is_blameless else _as_it_ended(status)

    def _stay(self) -> None:
        """Stay until the others have ended too, or this host is asked to leave: it has ended well, whatever comes."""
        peers = self._peers
        while not peers.are_over and self._asked_at is None:
            peers.turn(LOOK_SECONDS)
        if peers.cause is not None:
            log.line(f"{peers.cause}: this host had ended well before")

    def _master_ends_well(self) -> bool:
        """Whether the one that is served ends well too, which need not be known yet; None of it said is a yes."""
        until = time.monotonic() + KILL_SECONDS
        while not self._peers.master_done and self._peers.cause is None and time.monotonic() < until:
            self._peers.turn(until - time.monotonic())
        return self._peers.cause is None

    def _settle(self) -> None:
        """Wait until it is known who failed first."""
        until = time.monotonic() + 2 * SETTLE_SECONDS
        while not self._peers.is_final and time.monotonic() < until:
            self._peers.turn(until - time.monotonic())


def _as_it_ended(status: int) -> int:
    """The exit code; a command that a signal killed is followed by this process, so that the supervisor sees it."""
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-status])
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(program.main(main, sys.argv[1:], phase="hosts"))
