"""What the hosts of one job say to each other while it runs, and how it is read: typed, bounded, or refused.

A message is one line of JSON. What a host may say, once it has proved that it is one:

=========== =================================================================================================
``here``    a host has come
``start``   from the coordinator: all are here
``alive``   every two seconds; from the coordinator, before the start, with the names that are missing
``failed``  a host's command has failed, with the cause; from the coordinator, the cause of the whole job: the
            first that it hears of, and at the end the one that counts
``done``    a host has ended well
``stopped`` a host has stopped because it was asked to
``ended``   a host has stopped because of another one, and adds nothing
``final``   from the coordinator: the cause that it gave last is the one that counts; without one, all hosts have
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
"""Names of missing hosts in one message; the others are counted."""
KINDS = frozenset({"here", "start", "alive", "failed", "done", "stopped", "ended", "final"})
_LONGEST_TEXT = 4096
_LONGEST_NAME = 1024
_LATEST = 1e11
"""Seconds since the epoch, some time in the year 5138."""
_MOST = 10_000_000
"""Ranks, and hosts."""


class Cause(NamedTuple):
    """Why a job of several hosts fails.

    Attributes:
        host: where it happened.
        rank: the process, where a launcher gave it a number.
        time: seconds since the epoch.
        sudden: whether something from outside ended it, so that it could not say when: a signal, a lost host. Such
            a cause comes before others, which it may have brought about before it was noticed.
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
    """The cause that brought the others about."""
    return min(causes, key=lambda cause: (not cause.sudden, cause.time, cause.host))


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: one of :data:`KINDS`.
        now: the sender's clock, seconds since the epoch.
        host: the host that is spoken of; empty where it is the sender.
        cause: in a ``failed``.
        missing: in an ``alive``, names of hosts that have not come.
        absent: in an ``alive``, how many have not come.

    """

    kind: str
    now: float = 0.0
    host: str = ""
    cause: Cause | None = None
    missing: tuple[str, ...] = ()
    absent: int = 0

    def by_clock(self, ahead: float) -> Cause | None:
        """The cause, its time by this host's clock, which is so many seconds ahead of the sender's."""
        return self.cause and self.cause._replace(time=self.cause.time + ahead)


def to_line(message: Message) -> bytes:
    """A message as it is sent; what would be refused for its length is cut."""
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
        ValueError: it is none: no JSON, a field that is missing, of the wrong type or out of range.

    """
    if len(line) > LONGEST_LINE:
        raise ValueError("too long")
    try:
        content = json.loads(line.decode("ascii"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for all that is no message
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
    """The one way by which a field is read: it must be there and be of exactly this type."""
    value = content.get(name)
    if type(value) is not kind:
        raise ValueError(f"{name} is no {kind.__name__}")
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
    raise ValueError(f"{name} is no number in range")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
