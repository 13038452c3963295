"""The messages between the hosts of one job, and how they are read: typed and bounded, or refused.

A message is one line of JSON. The kinds of message that a host may send once it has proved itself:

=========== =================================================================================================
``here``    a host has joined
``start``   from the coordinator: all hosts have joined
``alive``   the heartbeat, every two seconds; from the coordinator, before the start, with the missing names
``failed``  a host's command has failed, with the cause; from the coordinator, the cause of the whole job: first
            the one that was reported first, at the end the one that counts
``done``    a host has succeeded
``stopped`` a host has stopped because it was asked to
``ended``   a host has stopped because of another one, and has nothing to add
``final``   from the coordinator: the last cause that it sent is the one that counts; without one, all hosts have
            ended
=========== =================================================================================================
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

LONGEST_LINE = 64 * 1024
"""Bytes of a message."""
SHOWN_NAMES = 10
"""Names of missing hosts in one message; further ones are only counted."""
KINDS = frozenset({"here", "start", "alive", "failed", "done", "stopped", "ended", "final"})
_LONGEST_TEXT = 4096
_LONGEST_NAME = 1024
_LATEST = 1e11
"""Seconds since the epoch, some time in the year 5138."""
_MOST = 10_000_000
"""The largest rank, and the largest number of hosts."""


class Cause(NamedTuple):
    """Why a job of several hosts fails.

    Attributes:
        host: where it happened.
        rank: the process, where a launcher gave it a rank.
        time: seconds since the epoch.
        sudden: whether it was killed from outside, by a signal or with its host, so that its time is only that of the
            discovery. Such a cause is sorted before others: they may be consequences that were noticed earlier.
        text: the cause in plain words.

    """

    host: str
    rank: int | None
    time: float
    sudden: bool
    text: str

    def __str__(self) -> str:
        rank = "" if self.rank is None else f", rank {self.rank}"
        return f"host {self.host}{rank}: {self.text}"


def first_of(causes: Sequence[Cause]) -> Cause:
    """The cause that counts as the first: the root cause."""
    return min(causes, key=lambda cause: (not cause.sudden, cause.time, cause.host))


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: one of :data:`KINDS`.
        now: the sender's clock, seconds since the epoch.
        host: the host that the message is about; empty where it is the sender.
        cause: in a ``failed``.
        missing: in an ``alive``, names of hosts that have not joined.
        absent: in an ``alive``, how many have not joined.

    """

    kind: str
    now: float = 0.0
    host: str = ""
    cause: Cause | None = None
    missing: tuple[str, ...] = ()
    absent: int = 0

    def by_clock(self, ahead: float) -> Cause | None:
        """The cause with its time on this host's clock, which is ``ahead`` seconds ahead of the sender's."""
        return self.cause and self.cause._replace(time=self.cause.time + ahead)


def to_line(message: Message) -> bytes:
    """The line for a message; texts are cut to the length that the reader accepts."""
    content: dict[str, Any] = {"is": message.kind, "now": time.time()}
    if message.host:
        content["host"] = message.host[:_LONGEST_NAME]
    if message.missing:
        content["missing"] = [name[:_LONGEST_NAME] for name in message.missing[:SHOWN_NAMES]]
        content["absent"] = len(message.missing)
    if message.cause is not None:
        cause = message.cause
        content.update(cause._asdict(), host=cause.host[:_LONGEST_NAME], text=cause.text[:_LONGEST_TEXT])
    return json.dumps(content).encode("ascii")


def from_line(line: bytes) -> Message:
    """The message in a line.

    Raises:
        ValueError: it is not a message: not JSON, or a field is missing, of the wrong type or out of range.

    """
    if len(line) > LONGEST_LINE:
        raise ValueError("too long")
    try:
        content = json.loads(line.decode("ascii"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for everything that is not a message
    kind = _field(content, "is", str)
    if kind not in KINDS:
        raise ValueError("not a kind of message")
    now = _number(content, "now", _LATEST)
    if kind == "failed":
        return Message(kind, now, cause=_cause(content))
    if kind == "alive" and "missing" in content:
        missing = _field(content, "missing", list)
        if len(missing) > SHOWN_NAMES or not all(isinstance(name, str) for name in missing):
            raise ValueError("missing is not a short list of names")
        return Message(kind, now, missing=tuple(missing), absent=_whole(content, "absent", _MOST))
    return Message(kind, now, host=_text(content, "host", _LONGEST_NAME) if "host" in content else "")


def _cause(content: dict[str, Any]) -> Cause:
    return Cause(
        _text(content, "host", _LONGEST_NAME),
        None if content.get("rank") is None else _whole(content, "rank", _MOST),
        _number(content, "time", _LATEST),
        _field(content, "sudden", bool),
        _text(content, "text", _LONGEST_TEXT),
    )


_Kind = TypeVar("_Kind")


def _field(content: dict[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    """Every field is read here: it must exist and be of exactly this type."""
    value = content.get(name)
    if type(value) is not kind:
        raise ValueError(f"{name} is not of type {kind.__name__}")
    return value


def _text(content: dict[str, Any], name: str, longest: int) -> str:
    text = _field(content, name, str)
    if len(text) > longest:
        raise ValueError(f"{name} is too long")
    return text


def _whole(content: dict[str, Any], name: str, most: int) -> int:
    number = _field(content, name, int)
    if not 0 <= number <= most:
        raise ValueError(f"{name} is out of range")
    return number


def _number(content: dict[str, Any], name: str, most: float) -> float:
    number = content.get(name)
    if isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number <= most:
        return float(number)
    raise ValueError(f"{name} is not a number in range")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")
