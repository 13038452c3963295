"""The first process of a launched job on each of several hosts, which succeed or fail together.

It meets the agents of the other hosts, starts the launcher, passes signals on to it, and reports to the other hosts how
it ended. If another host fails, it stops the command here, and leaves a report that names the root cause. Otherwise
each host would wait in a collective operation for one that is gone, and blame the connection.

The table in ``states.py`` says what it does while the command runs; the table in ``verdict.py``, what the end of the
command means. Both are pure: this module connects them to the process, signals, the clock and the connections.

A program, started by the path of this file::

    python agent.py --host algo-2 --hosts algo-1,algo-2 --port 7778 [--serves] -- COMMAND
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    from smc_core.process import standard_library

    standard_library.come_first()

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from smc_core.errors import EXIT_HOST, CodeError
from smc_core.platforms import signals_every_process, stop_grace
from smc_core.process import diagnosis, log, program, signals
from smc_core.process.failure import report_failure
from smc_core.process.hosts import rendezvous
from smc_core.process.hosts.coordinator import SETTLE_SECONDS
from smc_core.process.hosts.hang_watch import HangWatch
from smc_core.process.hosts.messages import Cause
from smc_core.process.hosts.peers import Peers
from smc_core.process.hosts.root_cause import own_cause
from smc_core.process.hosts.states import KILL_SECONDS, Phase, Seen, State, Why, after_request, step
from smc_core.process.hosts.verdict import Blame, End, Known, Wait, Word, blame_for, verdict
from smc_core.process.report import writer
from smc_core.process.report.for_another import report_for_another
from smc_core.settings import HOST_TIMEOUT

LOOK_SECONDS = 1.0
"""Between two checks for a report that a process of the command has failed."""
LOG_WAIT_SECONDS = 10.0
"""After which a log line says that this host has succeeded and waits for the others."""


def main(argv: Sequence[str]) -> int:
    """Run the agent of one host; returns the exit code."""
    options = _parser().parse_args(argv)
    timeout = host_timeout(os.environ)
    grace = stop_grace(os.environ)
    peers = rendezvous.meet(options.host, options.hosts, options.port, timeout, options.master)
    return _Agent(options, peers, signals.Inbox(), grace, timeout).run()


def host_timeout(environ: Mapping[str, str]) -> float:
    """Seconds of silence after which a host is lost: ``SMC_HOST_TIMEOUT``, by default 30; 0 turns monitoring off.

    Raises:
        ConfigurationError: it is not a number of seconds.

    """
    return HOST_TIMEOUT.of(environ)


def longest_wait_for_all(timeout: float) -> float:
    """Seconds that a member whose command has exited with 0 waits for the coordinator's ``final``.

    If the command exited because a failure elsewhere cut its connections, that failure shows within the time-out: by
    then a process that hangs is stopped, and a silent host is lost. After that the command of the failed host may need
    to be killed, and the coordinator settles which failure was the first.

    Args:
        timeout: seconds of silence after which a host is lost.

    """
    return timeout + KILL_SECONDS + SETTLE_SECONDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent")
    parser.add_argument("--host", required=True)
    parser.add_argument("--hosts", required=True, type=lambda text: text.split(","))
    parser.add_argument("--master", help="its address, if that is not the first of the hosts")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--signals", default="process", choices=("process", "group"))
    parser.add_argument("--launcher", default="launcher")
    parser.add_argument("--serves", action="store_true")
    parser.add_argument("command", nargs="+")
    return parser


class _Agent:
    """The launcher on this host, from its start to its exit."""

    def __init__(
        self, options: argparse.Namespace, peers: Peers, inbox: signals.Inbox, grace: float, timeout: float
    ) -> None:
        self._options = options
        self._peers = peers
        self._inbox = inbox
        self._grace = grace
        self._timeout = timeout
        self._is_told = signals_every_process(os.environ)  # the command got the signal from the platform itself
        self._memory = diagnosis.memory()
        self._hang_watch = HangWatch(timeout)
        self._child: subprocess.Popen[bytes] | None = None
        self._state = State()
        self._asked_at: float | None = None
        self._reported: Blame | None = None

    def run(self) -> int:
        """Start the command, watch it and the other hosts, and report how it ended.

        Returns:
            The exit code, or minus the signal that killed the command.

        """
        writer.note_command(self._options.signals, self._options.launcher, len(self._options.hosts))
        self._peers.wake(self._inbox.descriptor, self._take_signals)
        code = self._conclude(*self._run_command())
        self._peers.close()
        return code

    def _run_command(self) -> tuple[int, Cause | None]:
        """Run the command; returns its status, and the cause where it could not even be started."""
        try:
            self._child = program.start_child(self._options.command, own_session=True)
        except CodeError as error:
            report_failure(error, phase="launch")
            log.failure(error)
            return error.exit_code, Cause(self._options.host, None, time.time(), False, f"CodeError: {error}")
        return self._watch(self._child), None

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        """Wait until the command has exited; returns its status."""
        while (status := child.poll()) is None:
            self._peers.turn(self._longest_sleep())
            self._take_step(time.monotonic())
        return status

    def _longest_sleep(self) -> float:
        until = self._state.until
        return LOOK_SECONDS if until is None else max(0.0, until - time.monotonic())

    def _take_step(self, now: float) -> None:
        """Take the step that is due, from what is known now."""
        if self._peers.is_final:
            self._report(blame_for(self._options.host, self._peers.cause))
        before = self._state
        self._state, number = step(before, self._look(now), now, self._grace)
        if self._state.why is not before.why:
            self._log_why()
        if number is not None:
            self._send(number)

    def _look(self, now: float) -> Seen:
        peers = self._peers
        return Seen(
            failure=peers.cause is not None,
            served=peers.master_done and self._options.serves,
            stopped=peers.stopped is not None,
            hangs=self._state.phase is Phase.RUNNING and self._hang_watch.sees_hang(now),
        )

    def _log_why(self) -> None:
        if self._state.why is Why.FAILURE:
            log.line(f"stopping this host because of {self._peers.cause}")
        elif self._state.why is Why.STOPPED:
            log.line(f"host {self._peers.stopped} was asked to stop, and has stopped")
        elif self._state.why is Why.HANGS:
            log.line(
                f"a process reported a failure but is still running after {self._timeout:g} s; "
                "stopping the job on this host"
            )

    def _take_signals(self) -> None:
        for number in self._inbox.take():
            if number == signal.SIGCHLD:
                continue
            is_stop = number in (signal.SIGTERM, signal.SIGINT)
            if not (is_stop and self._is_told):
                self._send(number)
            if is_stop:
                self._asked_at = self._asked_at or time.time()
                self._state = after_request(self._state, time.monotonic())

    def _send(self, number: int) -> None:
        """Send a signal to the process alone or to its group, as the supervisor does."""
        if self._child is None or self._child.returncode is not None:
            return
        try:
            if self._options.signals == "process":
                os.kill(self._child.pid, number)
            else:
                os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass

    def _conclude(self, status: int, cause: Cause | None) -> int:
        """Report the end to the others, learn from them which failure was first, and return the exit code.

        The verdict is asked for twice, because the wait in between may bring news of other hosts.

        Args:
            status: the command's exit code, or minus the signal that killed it.
            cause: why it failed, where that is already known.

        """
        self._state = self._state.ended(status)
        first = verdict(self._end(), self._known())
        if first.word is Word.FAILED:
            self._peers.report_failure(cause or self._own_cause())
        else:
            self._peers.report_end(first.word.value)
        self._wait(first.wait)
        last = verdict(self._end(), self._known())
        self._report(last.blame)
        return last.code

    def _end(self) -> End:
        status = self._hang_watch.exit_code if self._state.why is Why.HANGS else self._state.status
        return End(self._options.host, status, self._state.why, self._asked_at)

    def _known(self) -> Known:
        return Known(self._peers.cause, self._peers.stopped)

    def _own_cause(self) -> Cause:
        pid = 0 if self._child is None else self._child.pid
        return own_cause(self._options.host, pid, self._end().status, self._memory)

    def _wait(self, wait: Wait) -> None:
        """Wait for the coordinator's ``final``. The coordinator itself stays as long as the others need it."""
        begun = time.monotonic()
        until = (
            begun
            + {
                Wait.NOTHING: 0.0,
                Wait.ROOT_CAUSE: 2 * SETTLE_SECONDS,
                Wait.ALL: float("inf") if self._is_master else longest_wait_for_all(self._timeout),
            }[wait]
        )
        has_logged = False
        while not self._peers.is_final and (now := time.monotonic()) < until:
            if wait is Wait.ALL and self._asked_at is not None:
                return
            if wait is Wait.ALL and not has_logged and now - begun >= LOG_WAIT_SECONDS:
                log.line("the command has succeeded; waiting for the other hosts")
                has_logged = True
            self._peers.turn(min(until - now, LOOK_SECONDS))

    @property
    def _is_master(self) -> bool:
        return bool(self._options.host == self._options.hosts[0])

    def _report(self, blame: Blame | None) -> None:
        """Write a report of what happened on another host; this host's failure file begins with it."""
        if blame is not None and self._reported is None:
            self._reported = blame
            report_for_another(
                blame.text, exit_code=EXIT_HOST, host=blame.host, rank=blame.rank, phase="hosts", at=blame.at
            )


if __name__ == "__main__":
    sys.exit(program.main(main, sys.argv[1:]))
