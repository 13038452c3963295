"""What the end of a host's command means, for this host and for the others. A pure function.

It is called twice: when the command has exited, for what to report to the other hosts and what to wait for; and after
that wait, when more is known about the others, for the exit code and the report of this host.

The first row that fits counts:

====================================== ============================== ============ ========== ========= ================
what is known                          how the command exited         to others    wait for   exit code report
====================================== ============================== ============ ========== ========= ================
another host has failed, before anybody unasked, with 0                done         root cause 5         that failure
asked this host to stop                unasked, otherwise; or hangs   failed       root cause 5         that failure
                                       was stopped                    ended        root cause 5         that failure
no failure                             stopped as the master is done  done         all        0         -
-                                      stopped as it hangs            failed       root cause its own   -
this host was asked to stop            -                              stopped      nothing    its own   -
another host was asked to stop         stopped for it; or unasked,    ended        root cause 5         that stop
                                       not with 0
-                                      with 0                         done         all        0         -
-                                      otherwise                      failed       root cause its own   -
====================================== ============================== ============ ========== ========= ================

So a host never succeeds when it knows that another one has failed, unless it was asked to stop before; a requested stop
never becomes a failure; and all hosts report what came first. If a command fails after another host was asked to stop,
the loss of that host is taken as the reason.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from smc_core.errors import EXIT_HOST
from smc_core.process.hosts.messages import Cause
from smc_core.process.hosts.states import Why


class Word(Enum):
    """What a host reports to the others about its end; the values are kinds of messages."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    ENDED = "ended"


class Wait(Enum):
    """What a host waits for before it exits."""

    NOTHING = "nothing"
    ROOT_CAUSE = "until it is known which host failed first"
    ALL = "until all hosts have ended, or one is known to have failed"


class End(NamedTuple):
    """How the command of this host has ended.

    Attributes:
        host: name of this host.
        status: the exit code, or minus the signal that killed it; for a command that was stopped because it hung, the
            exit code that its failed process has reported.
        why: why it was stopped; None where it was not.
        asked_at: when this host was asked to stop, in seconds since the epoch; None where it was not.

    """

    host: str
    status: int
    why: Why | None = None
    asked_at: float | None = None


class Known(NamedTuple):
    """What is known about the other hosts.

    Attributes:
        cause: the failure that counts as the first, of any host; None where none is known.
        stopped: name of a host that has stopped because it was asked to; None where none has.

    """

    cause: Cause | None = None
    stopped: str | None = None


class Blame(NamedTuple):
    """The report on this host that blames another one; the failure file begins with it.

    Attributes:
        text: the cause in plain words.
        host: name of the other host.
        rank: its process, where that has a rank.
        at: when it happened, in seconds since the epoch; None where that is not known.

    """

    text: str
    host: str
    rank: int | None = None
    at: float | None = None


class Verdict(NamedTuple):
    """What follows from an end.

    Attributes:
        code: the exit code of this host, or minus a signal.
        word: what to report to the others.
        wait: what to wait for.
        blame: what to report here about another host; None for nothing.

    """

    code: int
    word: Word
    wait: Wait
    blame: Blame | None = None


def blame_for(host: str, cause: Cause | None) -> Blame | None:
    """What a host reports about the cause that counts; None where that is its own, or there is none."""
    if cause is None or cause.host == host:
        return None
    return Blame(str(cause), cause.host, cause.rank, cause.time)


def verdict(end: End, known: Known) -> Verdict:
    """What follows from the end of this host's command, given what is now known about the other hosts."""
    failure = _failure_elsewhere(end, known)
    if failure is not None:
        return Verdict(EXIT_HOST, _word(end), Wait.ROOT_CAUSE, failure)
    if end.why is Why.SERVED:
        return Verdict(0, Word.DONE, Wait.ALL)
    if end.why is Why.HANGS:
        return Verdict(end.status, Word.FAILED, Wait.ROOT_CAUSE)
    if end.asked_at is not None:
        return Verdict(end.status, Word.STOPPED, Wait.NOTHING)
    if known.stopped is not None and (end.status != 0 or end.why is Why.STOPPED):
        blame = Blame(f"host {known.stopped} was asked to stop", known.stopped)
        return Verdict(EXIT_HOST, Word.ENDED, Wait.ROOT_CAUSE, blame)
    if end.status == 0:
        return Verdict(0, Word.DONE, Wait.ALL)
    return Verdict(end.status, Word.FAILED, Wait.ROOT_CAUSE)


def _failure_elsewhere(end: End, known: Known) -> Blame | None:
    """The failure of another host, if it came before anybody asked this one to stop."""
    blame = blame_for(end.host, known.cause)
    if blame is None or end.asked_at is None or end.why is Why.FAILURE:
        return blame
    return blame if blame.at is not None and blame.at < end.asked_at else None


def _word(end: End) -> Word:
    """What a host reports that is not the first to fail, as far as is known; its own failure may yet be the first."""
    if end.why is Why.HANGS:
        return Word.FAILED
    if end.why is not None:
        return Word.ENDED
    return Word.DONE if end.status == 0 else Word.FAILED
