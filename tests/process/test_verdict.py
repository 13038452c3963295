"""What the end of a command means: each row of the table, and what holds for all of them."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.errors import EXIT_HOST
from smc_core.process.hosts.messages import Cause
from smc_core.process.hosts.states import Why
from smc_core.process.hosts.verdict import Blame, End, Known, Verdict, Wait, Word, verdict

ME, OTHER = "algo-2", "algo-3"
CAUSE = Cause(OTHER, 4, 100.0, False, "ValueError: bad batch")
OWN = Cause(ME, 2, 100.0, False, "ValueError: mine")
FAILURE = Blame("host algo-3, rank 4: ValueError: bad batch", OTHER, 4, 100.0)
STOP = Blame("host algo-3 was asked to stop", OTHER)
NOTHING = Known()
BEFORE, AFTER = 99.0, 101.0
"""Moments at which this host was asked to stop: before and after the failure of the other one."""
STATUSES = (0, 1, 143, -signal.SIGKILL, -signal.SIGTERM)


def own(status: int, word: Word, wait: Wait = Wait.ROOT_CAUSE) -> Verdict:
    return Verdict(status, word, wait)


def fallen(word: Word, blame: Blame = FAILURE) -> Verdict:
    return Verdict(EXIT_HOST, word, Wait.ROOT_CAUSE, blame)


WELL = Verdict(0, Word.DONE, Wait.ALL)
KILLED = -signal.SIGKILL

ROWS: dict[str, tuple[End, Known, Verdict]] = {
    "exits well": (End(ME, 0), NOTHING, WELL),
    "fails": (End(ME, 1), NOTHING, own(1, Word.FAILED)),
    "is killed": (End(ME, KILLED), NOTHING, own(KILLED, Word.FAILED)),
    "fails first": (End(ME, 1), Known(OWN), own(1, Word.FAILED)),
    "fails second": (End(ME, 1), Known(CAUSE), fallen(Word.FAILED)),
    "is killed second": (End(ME, KILLED), Known(CAUSE), fallen(Word.FAILED)),
    "exits well, but another host has failed": (End(ME, 0), Known(CAUSE), fallen(Word.DONE)),
    "is stopped because another host has failed": (End(ME, -15, Why.FAILURE), Known(CAUSE), fallen(Word.ENDED)),
    "exits well when stopped because of a failure": (End(ME, 0, Why.FAILURE), Known(CAUSE), fallen(Word.ENDED)),
    "is asked while it stops because of a failure": (
        End(ME, KILLED, Why.FAILURE, asked_at=AFTER),
        Known(CAUSE),
        fallen(Word.ENDED),
    ),
    "is asked while it stops because of a failure, and the other's clock is off": (
        End(ME, KILLED, Why.FAILURE, asked_at=BEFORE),
        Known(CAUSE),
        fallen(Word.ENDED),
    ),
    "hangs": (End(ME, 1, Why.HANGS), NOTHING, own(1, Word.FAILED)),
    "hangs, and is the first to have failed": (End(ME, 1, Why.HANGS), Known(OWN), own(1, Word.FAILED)),
    "hangs, and is not the first": (End(ME, 1, Why.HANGS), Known(CAUSE), fallen(Word.FAILED)),
    "hangs, and is asked to stop": (End(ME, 1, Why.HANGS, asked_at=AFTER), NOTHING, own(1, Word.FAILED)),
    "hangs after another host has stopped": (End(ME, 1, Why.HANGS), Known(stopped=OTHER), own(1, Word.FAILED)),
    "is stopped as the master is done": (End(ME, -15, Why.SERVED), NOTHING, WELL),
    "is killed as the master is done": (End(ME, KILLED, Why.SERVED), NOTHING, WELL),
    "fails while it is stopped as the master is done": (End(ME, 1, Why.SERVED), NOTHING, WELL),
    "is asked while it stops as the master is done": (End(ME, -15, Why.SERVED, asked_at=AFTER), NOTHING, WELL),
    "serves a master that is done, and a third host fails": (
        End(ME, -15, Why.SERVED),
        Known(CAUSE),
        fallen(Word.ENDED),
    ),
    "is asked to stop": (End(ME, -15, Why.ASKED, BEFORE), NOTHING, own(-15, Word.STOPPED, Wait.NOTHING)),
    "is asked to stop, and exits well": (End(ME, 0, Why.ASKED, BEFORE), NOTHING, own(0, Word.STOPPED, Wait.NOTHING)),
    "is asked to stop, and fails at it": (End(ME, 1, Why.ASKED, BEFORE), NOTHING, own(1, Word.STOPPED, Wait.NOTHING)),
    "is asked to stop before another host fails": (
        End(ME, 0, Why.ASKED, BEFORE),
        Known(CAUSE),
        own(0, Word.STOPPED, Wait.NOTHING),
    ),
    "is asked to stop after another host has failed": (
        End(ME, 0, Why.ASKED, AFTER),
        Known(CAUSE),
        fallen(Word.ENDED),
    ),
    "is asked to stop, as another host was": (
        End(ME, 0, Why.ASKED, AFTER),
        Known(stopped=OTHER),
        own(0, Word.STOPPED, Wait.NOTHING),
    ),
    "is asked to stop while it is stopped for another host": (
        End(ME, 0, Why.STOPPED, AFTER),
        Known(stopped=OTHER),
        own(0, Word.STOPPED, Wait.NOTHING),
    ),
    "has exited well, and is asked to stop while it waits": (
        End(ME, 0, asked_at=AFTER),
        NOTHING,
        own(0, Word.STOPPED, Wait.NOTHING),
    ),
    "has exited well, and is asked to stop after another host has failed": (
        End(ME, 0, asked_at=AFTER),
        Known(CAUSE),
        fallen(Word.DONE),
    ),
    "exits well after another host was asked to stop": (End(ME, 0), Known(stopped=OTHER), WELL),
    "fails after another host was asked to stop": (End(ME, 1), Known(stopped=OTHER), fallen(Word.ENDED, STOP)),
    "is stopped for a host that was asked to stop": (
        End(ME, -15, Why.STOPPED),
        Known(stopped=OTHER),
        fallen(Word.ENDED, STOP),
    ),
    "exits well when stopped for a host that was asked to": (
        End(ME, 0, Why.STOPPED),
        Known(stopped=OTHER),
        fallen(Word.ENDED, STOP),
    ),
    "is stopped for a host that was asked to stop, and a third one fails": (
        End(ME, -15, Why.STOPPED),
        Known(CAUSE, stopped="algo-1"),
        fallen(Word.ENDED),
    ),
}


@pytest.mark.parametrize(("end", "known", "expected"), ROWS.values(), ids=ROWS)
def test_a_command_that(end: End, known: Known, expected: Verdict) -> None:
    assert verdict(end, known) == expected


CAUSES = st.builds(Cause, st.sampled_from([ME, OTHER]), st.none(), st.floats(0, 9), st.booleans(), st.just("text"))


@st.composite
def cases(draw: st.DrawFn) -> tuple[End, Known]:
    """Ends that there can be: a reason to stop is known, and a hanging command's status is its failed process's."""
    why = draw(st.none() | st.sampled_from(Why))
    cause = draw(st.none() | CAUSES)
    stopped = draw(st.none() | st.just(OTHER))
    if why is Why.FAILURE and (cause is None or cause.host == ME):
        cause = Cause(OTHER, None, draw(st.floats(0, 9)), False, "text")
    if why is Why.STOPPED:
        stopped = OTHER
    asked_at = draw(st.floats(0, 9)) if why is Why.ASKED else draw(st.none() | st.floats(0, 9))
    status = draw(st.sampled_from(STATUSES[1:] if why is Why.HANGS else STATUSES))
    return End(ME, status, why, asked_at), Known(cause, stopped)


def first_elsewhere(end: End, known: Known) -> bool:
    cause = known.cause
    if cause is None or cause.host == ME:
        return False
    return end.asked_at is None or end.why is Why.FAILURE or cause.time < end.asked_at


@given(cases())
def test_the_first_failure_is_what_every_host_reports(case: tuple[End, Known]) -> None:
    end, known = case
    found = verdict(end, known)
    if first_elsewhere(end, known):
        assert known.cause is not None
        assert (found.code, found.blame) == (
            EXIT_HOST,
            Blame(str(known.cause), known.cause.host, known.cause.rank, known.cause.time),
        )


@given(cases())
def test_no_host_ends_well_that_knows_of_a_failure_before_it_was_asked_to_stop(case: tuple[End, Known]) -> None:
    end, known = case
    if verdict(end, known).code == 0:
        assert end.status == 0 or end.why is Why.SERVED
        assert not first_elsewhere(end, known)


@given(cases())
def test_a_stop_never_becomes_a_failure(case: tuple[End, Known]) -> None:
    end, known = case
    if end.why is Why.ASKED and not first_elsewhere(end, known):
        assert verdict(end, known) == Verdict(end.status, Word.STOPPED, Wait.NOTHING)


@given(cases())
def test_only_a_command_that_has_failed_by_itself_counts_among_the_failures(case: tuple[End, Known]) -> None:
    end, known = case
    if verdict(end, known).word is Word.FAILED:
        assert end.status != 0
        assert end.why in (None, Why.HANGS)


@given(cases(), CAUSES)
def test_what_becomes_known_during_the_wait_takes_nothing_back(case: tuple[End, Known], later: Cause) -> None:
    """A host that is blamed stays to blame, unless a failure is found that came before."""
    end, known = case
    first = verdict(end, known)
    then = verdict(end, known._replace(cause=known.cause or later))
    if first.blame is not None:
        assert then.code == EXIT_HOST
        assert then.blame is not None
    if then.code == 0:
        assert first.code == 0
