"""The hosts of a local job, from their start to the exit of the last: streams, signals, the first failure."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from smc_core.local import colours
from smc_core.local.host import HAND_OVER_OPTION
from smc_core.local.stopping import LinePattern, StopAfter
from smc_core.local.streams import Stream
from smc_core.platforms import signals_every_process
from smc_core.process import log, processes, signals
from smc_core.process.outcome import handover
from smc_core.process.outcome.ending import STOPPED, exit_code
from smc_core.process.parent import pseudo_terminal

HOST_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "host.py")
_STDOUT, _STDERR = 1, 2
_LONGEST_WAIT = 3600.0
"""Seconds; epoll does not accept a time-out of weeks."""
_SIZE_STEP = 0.5
"""Seconds between two checks of the size of the user's terminal."""


class Host:
    """One supervised host.

    A single host inherits this process's input, and prints to a pseudo-terminal if this process has a terminal. One of
    several has neither, so that Ctrl-C reaches only this process, which then stops all hosts.

    Args:
        name: name of the host; empty if it is the only one.
        arguments: the arguments of :mod:`smc_core.local.host`.
        environ: its variables.
        python: the interpreter.

    Attributes:
        code: the exit code, 128 + n where signal n killed the supervisor; None while it runs.
        outcome: what its supervisor handed over at its end; None while it runs, and if it was killed.
        ended: when it was found to have exited, on the monotonic clock.

    Raises:
        OSError: it cannot be started.

    """

    def __init__(self, name: str, arguments: Sequence[str], environ: Mapping[str, str], python: str) -> None:
        self.name = name
        self.code: int | None = None
        self.outcome: handover.Handover | None = None
        self.ended = 0.0
        sinks = [_STDOUT] if _is_same(_STDOUT, _STDERR) else [_STDOUT, _STDERR]
        pipes = [_pair(sink, alone=not name) for sink in sinks]
        self._outcome_end, outcome_end_of_host = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - an argument list
            [python, HOST_PROGRAM, str(os.getpid()), HAND_OVER_OPTION, str(outcome_end_of_host), *arguments],
            pass_fds=[outcome_end_of_host],
            env=dict(environ),
            stdin=subprocess.DEVNULL if name else None,
            stdout=pipes[0][1],
            stderr=pipes[-1][1],
            start_new_session=bool(name),
        )
        # This process's copies would keep the streams from ever ending.
        for job_end in (outcome_end_of_host, *(end for _, end in pipes)):
            os.close(job_end)
        self._sources = [(source, sink) for (source, _), sink in zip(pipes, sinks, strict=True)]

    def streams(self, job_log: int, own_log: int | None, on_line: Callable[[bytes], None] | None) -> list[Stream]:
        """The streams of its output."""
        prefix = f"[{self.name}] ".encode() if self.name else b""
        repaint = colours.own_lines(colours.painter(sys.stderr))
        return [Stream(source, sink, job_log, prefix, own_log, on_line, repaint) for source, sink in self._sources]

    @property
    def has_terminal(self) -> bool:
        """Whether it prints to a pseudo-terminal, as this process does to a terminal."""
        return any(map(os.isatty, (source for source, _ in self._sources)))

    def follow_size(self) -> None:
        """Give its pseudo-terminals the present size of the user's terminal."""
        terminals = [(source, sink) for source, sink in self._sources if os.isatty(source)]
        changed = [pseudo_terminal.copy_size(sink, source) for source, sink in terminals]
        if any(changed):
            self.send(signal.SIGWINCH)

    def send(self, number: int, *, to_all: bool = False) -> None:
        """Send a signal to its supervisor.

        Args:
            number: the signal.
            to_all: whether to send it to every process of the job, as the platform does: none of them passes it on.

        """
        below = processes.descendants([self._process.pid], processes.table()) if to_all else set()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        processes.send(below, number)

    def poll(self) -> bool:
        """Whether it has exited."""
        status = self._process.poll()
        if status is not None:
            self.code = exit_code(status)
            self.outcome = handover.read(self._outcome_end)
            self.ended = time.monotonic()
        return status is not None

    @property
    def is_stopped(self) -> bool:
        """Whether it ended because it was asked to stop."""
        return self.outcome is not None and self.outcome.status == STOPPED

    @property
    def rank_of_blame(self) -> tuple[bool, bool, float]:
        """Smallest for the root cause. Hosts that were stopped, or that blame another host, come after all others."""
        outcome = self.outcome
        if outcome is None:
            return False, False, self.ended
        return self.is_stopped, outcome.blames not in ("", self.name), outcome.failed_at


class Watch:
    """All hosts of one job.

    Args:
        hosts: the hosts, which have been started.
        job_log: descriptor of the job's log.
        own_logs: descriptor of each host's own log, by its name.
        stop_after: seconds after which SIGTERM is sent, or the pattern of a line on which to send it; None for neither.

    Attributes:
        failed: the host that failed first; None if none did.
        was_stopped: whether the job was asked to stop, by a signal or by ``stop_after``.

    """

    def __init__(
        self,
        hosts: Sequence[Host],
        job_log: int,
        own_logs: Mapping[str, int],
        stop_after: StopAfter | None = None,
    ) -> None:
        self.failed: Host | None = None
        self.was_stopped = False
        self._has_failed = False
        self._kill_at: float | None = None
        self._hosts = hosts
        self._is_told = signals_every_process(os.environ)
        self._running = list(hosts)
        self._terminals = [host for host in hosts if host.has_terminal]
        self._ends_line = stop_after if isinstance(stop_after, LinePattern) else None
        self._stop_at = time.monotonic() + stop_after if isinstance(stop_after, (int, float)) else None
        on_line = self._look_at if self._ends_line else None
        self._streams = {host: host.streams(job_log, own_logs.get(host.name), on_line) for host in hosts}

    def run(self) -> int:
        """Watch until the last host has exited; returns the exit code of the job: that of the first that failed.

        Signals are blocked when it returns: the outcome is decided, and has yet to be saved.
        """
        wake, end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler, it would write nothing to the wake-up pipe
        for number in signals.taken() - signals.HARMLESS_SIGNALS - {signal.SIGCHLD}:
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # signals that arrived while the hosts were started come now
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            for streams in self._streams.values():
                for stream in streams:
                    selector.register(stream.source, selectors.EVENT_READ, stream)
            while self._running:
                self._step(selector, wake)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)
        failed = [host for host in self._hosts if host.code]
        self.failed = min(failed, key=lambda host: host.rank_of_blame, default=None)
        if self.failed is not None and len(self._hosts) > 1 and self.failed.outcome is not None:
            log.line(f"{self.failed.name} failed first: {self.failed.outcome.first_line}")
        return 0 if self.failed is None or self.failed.code is None else self.failed.code

    def _step(self, selector: selectors.BaseSelector, wake: int) -> None:
        times = [moment for moment in (self._stop_at, self._kill_at) if moment is not None]
        timeout = min(max(0.0, min(times) - time.monotonic()), _LONGEST_WAIT) if times else None
        if self._terminals:
            timeout = _SIZE_STEP if timeout is None else min(timeout, _SIZE_STEP)
        for key, _ in selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            elif not _move(key.data):
                selector.unregister(key.data.source)
        for host in self._terminals:
            host.follow_size()
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self._stop("the time is up")
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = None
            self._send(signal.SIGTERM)
        for host in [host for host in self._running if host.poll()]:
            self._running.remove(host)
            self._terminals = []  # only a single host has any
            self._finish(host, selector)

    def _finish(self, host: Host, selector: selectors.BaseSelector) -> None:
        for stream in self._streams[host]:
            with contextlib.suppress(KeyError):
                selector.unregister(stream.source)
            stream.drain()
        if host.code and not self._has_failed:
            self._has_failed = True
            if self._running:
                log.line(f"{host.name} failed with exit code {host.code}: stopping the other hosts")
                self._send(signal.SIGTERM)

    def _look_at(self, line: bytes) -> None:
        if self._ends_line is not None and not self.was_stopped and self._ends_line(line):
            self._stop("the line was printed")

    def _stop(self, why: str) -> None:
        """Stop the job as ``StopTrainingJob`` does."""
        self._stop_at = None
        self.was_stopped = True
        log.line(f"--stop-after: {why}; sending SIGTERM, as SageMaker does to stop a job")
        self._send(signal.SIGTERM)

    def _on_signal(self, number: int, _frame: object) -> None:
        """Pass a signal on at once, even while this process waits for a slow reader of its output."""
        if len(self._hosts) > 1 and number == signal.SIGINT:
            if self.was_stopped:
                log.line("killing all hosts")
                self._kill_at = time.monotonic() + signals.SAME_REQUEST  # earlier, it would count as a repetition
                return
            log.line("Ctrl-C: stopping all hosts; press it again to kill them")
            number = signal.SIGTERM
        is_stop = number in (signal.SIGTERM, signal.SIGINT)
        self.was_stopped = self.was_stopped or is_stop
        if not (is_stop and self._is_told):  # else the hosts have got it from the platform
            self._send(number)

    def _send(self, number: int) -> None:
        for host in self._running:
            host.send(number, to_all=self._is_told and number == signal.SIGTERM)


def _pair(sink: int, *, alone: bool) -> tuple[int, int]:
    """A pipe or pseudo-terminal for a host's output: the end to read from, and the host's end."""
    if alone and os.isatty(sink):
        with contextlib.suppress(OSError):
            return pseudo_terminal.open_pair(sink)
    return os.pipe()


def _move(stream: Stream) -> bool:
    try:
        return stream.move()
    except BlockingIOError:
        return True


def _is_same(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False
