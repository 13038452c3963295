"""What the agent of a host does at each event, in each state of its command."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.process.hosts.states import (
    KILL_SECONDS,
    LEAVE_SECONDS,
    Phase,
    Seen,
    State,
    Step,
    Why,
    after_request,
    step,
)

NOW, GRACE = 100.0, 60.0
FAILURE, SERVED, STOPPED, HANGS = Seen(failure=True), Seen(served=True), Seen(stopped=True), Seen(hangs=True)
NOTHING, EVERYTHING = Seen(), Seen(failure=True, served=True, stopped=True, hangs=True)
RUNNING = State()


def leaving(why: Why, until: float) -> State:
    return State(Phase.LEAVING, why, until)


def stopping(why: Why, until: float | None = NOW + KILL_SECONDS) -> State:
    return State(Phase.STOPPING, why, until)


FAILED_LATE, FAILED_SOON = leaving(Why.FAILURE, NOW + 4), leaving(Why.FAILURE, NOW)
STOPPED_LATE, STOPPED_SOON = leaving(Why.STOPPED, NOW + 50), leaving(Why.STOPPED, NOW)
ASKED = stopping(Why.ASKED, None)


@pytest.mark.parametrize(
    ("state", "seen", "then", "sent"),
    [
        (RUNNING, NOTHING, RUNNING, None),
        (RUNNING, FAILURE, leaving(Why.FAILURE, NOW + LEAVE_SECONDS), None),
        (RUNNING, SERVED, stopping(Why.SERVED), signal.SIGTERM),
        (RUNNING, STOPPED, leaving(Why.STOPPED, NOW + GRACE), None),
        (RUNNING, HANGS, stopping(Why.HANGS), signal.SIGTERM),
        (RUNNING, EVERYTHING, leaving(Why.FAILURE, NOW + LEAVE_SECONDS), None),
        (RUNNING, EVERYTHING._replace(failure=False), stopping(Why.SERVED), signal.SIGTERM),
        (RUNNING, Seen(stopped=True, hangs=True), leaving(Why.STOPPED, NOW + GRACE), None),
        (FAILED_LATE, NOTHING, FAILED_LATE, None),
        (FAILED_LATE, EVERYTHING, FAILED_LATE, None),
        (FAILED_SOON, EVERYTHING, stopping(Why.FAILURE), signal.SIGTERM),
        (STOPPED_LATE, NOTHING, STOPPED_LATE, None),
        (STOPPED_LATE, FAILURE, leaving(Why.FAILURE, NOW + LEAVE_SECONDS), None),
        (leaving(Why.STOPPED, NOW + 2), FAILURE, leaving(Why.FAILURE, NOW + 2), None),
        (STOPPED_LATE, Seen(served=True, stopped=True, hangs=True), STOPPED_LATE, None),
        (STOPPED_SOON, STOPPED, stopping(Why.STOPPED), signal.SIGTERM),
        (ASKED, NOTHING, ASKED, None),
        (ASKED, EVERYTHING, ASKED, None),
        *[(stopping(why), EVERYTHING, stopping(why), None) for why in Why],
        *[(stopping(why, NOW), EVERYTHING, stopping(why), signal.SIGKILL) for why in Why],
    ],
)
def test_what_is_seen(state: State, seen: Seen, then: State, sent: int | None) -> None:
    assert step(state, seen, NOW, GRACE) == Step(then, sent)


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (RUNNING, ASKED),
        (FAILED_LATE, stopping(Why.FAILURE)),
        (STOPPED_LATE, ASKED),
        (ASKED, ASKED),
        *[(stopping(why, NOW + 1), stopping(why, NOW + 1)) for why in Why],
        (RUNNING.ended(0), RUNNING.ended(0)),
    ],
)
def test_a_request_to_stop(state: State, then: State) -> None:
    assert after_request(state, NOW) == then


@pytest.mark.parametrize(
    ("state", "why"),
    [(RUNNING, None), (FAILED_LATE, None), (STOPPED_LATE, None), *[(stopping(why), why) for why in Why]],
)
def test_a_command_that_exits(state: State, why: Why | None) -> None:
    """One that exits while it may still leave has done so by itself."""
    assert state.ended(-9) == State(Phase.ENDED, why, None, -9)


SEEN = st.builds(Seen, *[st.booleans()] * 4)
EVENTS = st.lists(st.tuples(st.floats(0, 200), st.none() | SEEN), max_size=30)


@given(EVENTS)
def test_whatever_happens_a_command_is_stopped_step_by_step(events: list[tuple[float, Seen | None]]) -> None:
    """None is a request to stop."""
    order = list(Phase)
    state, now, sent = State(), 0.0, []
    for seconds, seen in events:
        now += seconds
        before = state
        if seen is None:
            state = after_request(state, now)
        else:
            state, number = step(state, seen, now, GRACE)
            sent += [number] if number else []
            if before.until is not None and number is None:
                assert now < before.until, "what is due is done"
        assert order.index(state.phase) >= order.index(before.phase), "no state is left backwards"
        assert before.phase is not Phase.STOPPING or state.why is before.why, "the reason stays"
        assert (state.phase is Phase.RUNNING) == (state.why is None)
        if before.until is not None and before.phase is Phase.LEAVING and state.phase is Phase.LEAVING:
            assert state.until is not None
            assert state.until <= before.until, "nothing gives a command more time"
    assert sent == sorted(sent, key=lambda number: number == signal.SIGKILL), "SIGTERM comes before SIGKILL"
    assert sent.count(signal.SIGTERM) <= 1
