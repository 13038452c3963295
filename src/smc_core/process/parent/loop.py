"""The supervisor's loop: from the start of the job's first process until nothing of the job is left.

It reads a pipe with the numbers of the signals that have arrived, the job's stderr, and the clock. Signals are data
here: none interrupts the loop.
"""

from __future__ import annotations

import select
import signal
import time
from enum import Enum

from smc_core.process import signals
from smc_core.process.parent.child import Child
from smc_core.process.parent.own_lines import OwnLines
from smc_core.process.parent.pump import Pump
from smc_core.process.parent.stopping import StopRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from smc_core.process.parent.cleanup import Cleanup

_CLEANUP_STEP_SECONDS = 0.02
"""Between two checks of the processes that are being stopped."""


class State(Enum):
    """Where the job is, between its start and the report of its end."""

    RUNNING = "running"
    STOPPING = "stopping"
    """The first process was asked to stop, and has not exited yet."""
    CLEANUP = "cleanup"
    """The first process has exited; processes that it has left are being stopped."""


class Loop:
    """One job's loop.

    Args:
        child: the job's first process, which has been started.
        cleanup: stops the processes that it leaves.
        inbox: the signals of this process.
        pump: passes the job's stderr on; None where the job writes to stderr directly.
        own_lines: prints smc's own lines.
        grace: seconds that the job has to stop.
        on_stop: called with a line when the job is asked to stop, to leave it on disk.
        is_told: whether every process of the job gets the platform's signals itself, as in a step of Slurm.

    Attributes:
        state: where the job is.
        stop: the signal that has asked the job to stop; None where none has.
        ended: when the first process exited, in seconds on the monotonic clock; None while it lives.

    """

    def __init__(
        self,
        child: Child,
        cleanup: Cleanup,
        inbox: signals.Inbox,
        pump: Pump | None,
        own_lines: OwnLines,
        grace: float,
        *,
        on_stop: Callable[[str], None],
        is_told: bool = False,
    ) -> None:
        self.state = State.RUNNING
        self.stop: StopRequest | None = None
        self.ended: float | None = None
        self._child = child
        self._cleanup = cleanup
        self._inbox = inbox
        self._pump = pump
        self._own_lines = own_lines
        self._grace = grace
        self._on_stop = on_stop
        self._is_told = is_told
        self._repeats = signals.Repeats()
        self._kills_at_once = False

    def run(self) -> None:
        """Run until the first process has exited, and nothing of the job is left."""
        is_over = False
        while not is_over:
            self._wait_for_signal()
            arrived = list(self._inbox.take())  # before reaping: an exit after this line wakes the next turn
            self._child.reap()  # before signals are passed on: no signal to an exited child, SIGCONT to a stopped one
            if self._child.status is not None and self.ended is None:
                self.state, self.ended = State.CLEANUP, time.monotonic()
            for number in arrived:
                self._on_signal(number)
            if self.state is State.CLEANUP:
                is_over = self._cleanup.step(time.monotonic(), at_once=self._kills_at_once)
            elif self.stop is not None and self.stop.is_overdue():
                self._kill("grace")

    def _wait_for_signal(self) -> None:
        """Wait for a signal or a deadline; pass the job's stderr on meanwhile."""
        seconds = self._longest_sleep()
        if self._pump is not None:
            self._pump.run(self._inbox.descriptor, seconds, self._on_output)
        else:
            sleeping = select.poll()
            sleeping.register(self._inbox.descriptor, select.POLLIN)
            sleeping.poll(None if seconds is None else max(0, seconds) * 1000)

    def _longest_sleep(self) -> float | None:
        """Seconds; None for no limit."""
        if self.state is State.CLEANUP:
            return _CLEANUP_STEP_SECONDS
        return None if self.stop is None else self.stop.time_left()

    def _on_output(self) -> None:
        """Called when some of the job's stderr was passed on, or when the terminal may have a new size."""
        self._own_lines.flush()
        if self._pump is not None and self._pump.has_new_size() and self.state is not State.CLEANUP:
            self._child.send(signal.SIGWINCH)  # the kernel's own came while the job's terminal still had its old size

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            self._on_output()
        if self._repeats.is_one(number):
            return
        if self.state is State.CLEANUP:  # the script is gone; SIGTERM says not to wait for what it left
            self._kills_at_once = self._kills_at_once or number == signal.SIGTERM
        elif self.state is State.STOPPING and self.stop is not None and self.stop.number == number:
            if self._is_told:  # Slurm announces a preemption, and repeats the signal when the time is up
                self.stop.shorten(self._grace)
            else:
                self._kill("again")
        else:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        """Pass a signal on. SIGINT asks for a stop where there is no terminal at which somebody may press Ctrl-C."""
        is_final = number == signal.SIGTERM or (number == signal.SIGINT and not self._child.has_terminal)
        is_first = self.state is State.RUNNING and number not in signals.HARMLESS_SIGNALS
        if is_first or is_final:  # SIGTERM after SIGINT is another request, and may be repeated in its turn
            self.stop = StopRequest(number, self._grace, begun=self._child.has_begun, is_final=is_final)
        if not (is_final and self._is_told):
            self._child.send(number)
        if is_final:
            self.state = State.STOPPING
            at = time.strftime("%H:%M:%S", time.gmtime())
            self._on_stop(f"Stopping: {signals.name(number)} at {at} UTC, the script has {self._grace:g} s")
            verb = "arrived" if self._is_told else "was passed on"
            self._own_lines.say(f"{signals.name(number)} {verb}; the job has {self._grace:g} s to stop")

    def _kill(self, reason: Literal["grace", "again"]) -> None:
        if self.stop is not None:
            self.stop.note_kill(reason)
        self._kills_at_once = True
        self._cleanup.kill_job()
