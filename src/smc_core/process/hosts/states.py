"""The states of the agent of one host, from the start of its command to its end.

The agent starts the command and is then ``running``. What other hosts report, and what it sees itself, changes that:

==================================== ============================ ========================= ======================
event                                running                      leaving(why, until)       stopping(why, until)
==================================== ============================ ========================= ======================
another host has failed              leaving(failure, 5 s)        leaving(failure, at most  -
                                                                  5 s)
the master is done, and this host    SIGTERM;                     -                         -
only serves it                       stopping(served, 10 s)
another host was asked to stop,      leaving(stopped, the stop's  -                         -
and has stopped                      grace time)
a process here has failed and not    SIGTERM;                     -                         -
exited within the time-out           stopping(hangs, 10 s)
SIGTERM or SIGINT arrives, and       stopping(asked, no limit)    failure: stopping(failure, -
is passed on                                                      10 s); else
                                                                  stopping(asked, no limit)
``until`` is reached                                              SIGTERM;                  SIGKILL;
                                                                  stopping(why, 10 s)       stopping(why, 10 s)
the command exits                    ended(status)                ended(status)             ended(status, why)
==================================== ============================ ========================= ======================

If several events are seen at once, the uppermost counts; a signal comes before all of them, as it is seen first. A
command that exits while ``leaving`` was not stopped by anybody, so ``ended`` has a ``why`` only where the agent, or
whoever asked this host to stop, has stopped it. A stop that was asked for has no limit here: the supervisor of this
host, which has passed the signal on, kills the job when the grace time is over.

``verdict.py`` decides what an end means for the job.
"""

from __future__ import annotations

import signal
from enum import Enum
from typing import NamedTuple

LEAVE_SECONDS = 5.0
"""How long a command may take to exit unasked when another host has failed; then it gets SIGTERM."""
KILL_SECONDS = 10.0
"""From that SIGTERM to SIGKILL, and from one SIGKILL to the next."""


class Phase(Enum):
    """The phase of a command."""

    RUNNING = "running"
    LEAVING = "leaving"
    STOPPING = "stopping"
    ENDED = "ended"


class Why(Enum):
    """Why a command is to stop."""

    FAILURE = "another host has failed"
    SERVED = "the master, which this host only serves, is done"
    STOPPED = "another host was asked to stop"
    HANGS = "a process here has failed and does not exit"
    ASKED = "this host was asked to stop"


class State(NamedTuple):
    """The state of a host's command.

    Attributes:
        phase: its phase.
        why: why it is to stop; in ``ended``, why it was stopped, and None where it was not.
        until: when the next step is due, in seconds on the monotonic clock; None where nothing is.
        status: in ``ended``, its exit code, or minus the signal that killed it.

    """

    phase: Phase = Phase.RUNNING
    why: Why | None = None
    until: float | None = None
    status: int = 0

    def ended(self, status: int) -> State:
        """The state once the command has exited."""
        return State(Phase.ENDED, self.why if self.phase is Phase.STOPPING else None, None, status)


class Seen(NamedTuple):
    """What the agent sees at one moment.

    Attributes:
        failure: another host has failed.
        served: the master is done, and this host only serves it.
        stopped: another host was asked to stop, and has stopped.
        hangs: a process of this host has failed, and has not exited within the time-out.

    """

    failure: bool = False
    served: bool = False
    stopped: bool = False
    hangs: bool = False


class Step(NamedTuple):
    """What to do now: the next state, and the signal to send; None for none."""

    state: State
    signal: signal.Signals | None = None


def after_request(state: State, now: float) -> State:
    """The state after SIGTERM or SIGINT has arrived and was passed on to the command.

    Args:
        state: the state before.
        now: seconds on the monotonic clock.

    """
    if state.phase in (Phase.STOPPING, Phase.ENDED):
        return state
    if state.why is Why.FAILURE:  # the failure came first, and stays the reason
        return _stopping(Why.FAILURE, now)
    return State(Phase.STOPPING, Why.ASKED)


def step(state: State, seen: Seen, now: float, grace: float) -> Step:
    """What to do next.

    Args:
        state: the state so far.
        seen: what the agent sees now.
        now: seconds on the monotonic clock.
        grace: seconds that a job has to stop when it is asked to.

    """
    if state.phase is Phase.RUNNING:
        return _from_running(seen, now, grace)
    is_due = state.until is not None and now >= state.until
    if state.phase is Phase.LEAVING:
        if is_due:
            return Step(_stopping(state.why, now), signal.SIGTERM)
        if seen.failure and state.why is not Why.FAILURE:
            return Step(_sooner(state, now + LEAVE_SECONDS))
    elif is_due:
        return Step(_stopping(state.why, now), signal.SIGKILL)
    return Step(state)


def _from_running(seen: Seen, now: float, grace: float) -> Step:
    if seen.failure:
        return Step(State(Phase.LEAVING, Why.FAILURE, now + LEAVE_SECONDS))
    if seen.served:
        return Step(_stopping(Why.SERVED, now), signal.SIGTERM)
    if seen.stopped:
        return Step(State(Phase.LEAVING, Why.STOPPED, now + grace))
    if seen.hangs:
        return Step(_stopping(Why.HANGS, now), signal.SIGTERM)
    return Step(State())


def _sooner(state: State, moment: float) -> State:
    return State(Phase.LEAVING, Why.FAILURE, moment if state.until is None else min(state.until, moment))


def _stopping(why: Why | None, now: float) -> State:
    return State(Phase.STOPPING, why, now + KILL_SECONDS)
