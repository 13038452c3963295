"""What one host says of another is typed and bounded when it is read, or it is no message."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smc_core.process.hosts.messages import KINDS, LONGEST_LINE, SHOWN_NAMES, Cause, Message, from_line, to_line

TEXT = st.text(max_size=40)
CAUSES = st.builds(Cause, TEXT, st.none() | st.integers(0, 1000), st.floats(0, 1e10), st.booleans(), TEXT)


def failed(**changed: object) -> bytes:
    cause = {"is": "failed", "now": 1, "host": "algo-2", "rank": 0, "time": 1, "sudden": True, "text": "x"}
    return json.dumps({**cause, **changed}).encode()


@given(CAUSES)
def test_a_cause_comes_through_unharmed(cause: Cause) -> None:
    message = from_line(to_line(Message("failed", cause=cause)))
    assert message.cause == cause
    assert abs(message.now - time.time()) < 60


@given(st.sampled_from(sorted(KINDS - {"failed"})), TEXT, st.lists(TEXT, max_size=30))
def test_a_message_comes_through_unharmed(kind: str, host: str, missing: list[str]) -> None:
    message = from_line(to_line(Message(kind, host=host, missing=tuple(missing))))
    assert message.kind == kind
    assert message.host == (host if kind != "alive" or not missing else "")
    if kind == "alive":
        assert message.missing == tuple(missing[:SHOWN_NAMES])
        assert message.absent == len(missing)


def test_what_is_too_long_is_cut_where_it_is_sent() -> None:
    cause = Cause("h" * 5000, None, 1.0, False, "\U0001f4a5" * 100_000)
    line = to_line(Message("failed", cause=cause))
    assert len(line) < LONGEST_LINE
    found = from_line(line).cause
    assert found is not None
    assert cause.text.startswith(found.text)
    assert len(to_line(Message("alive", missing=("h" * 200,) * 50_000))) < LONGEST_LINE


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET / HTTP/1.1",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"is":' * 10_000 + b"1",
        b'{"is": "alive", "now": 1, "x": "' + b"x" * LONGEST_LINE + b'"}',
        b"null",
        b"[]",
        b"{}",
        b'{"is": "alive"}',
        b'{"is": 1, "now": 1}',
        b'{"is": "obey", "now": 1}',
        b'{"is": "alive", "now": true}',
        b'{"is": "alive", "now": "1"}',
        b'{"is": "alive", "now": Infinity}',
        b'{"is": "alive", "now": NaN}',
        b'{"is": "alive", "now": 1e400}',
        b'{"is": "alive", "now": -1}',
        b'{"is": "alive", "now": %d}' % 10**400,
        b'{"is": "alive", "now": ' + b"9" * 5000 + b"}",
        b'{"is": "alive", "now": 1, "missing": null}',
        b'{"is": "alive", "now": 1, "missing": [1], "absent": 1}',
        b'{"is": "alive", "now": 1, "missing": ["a"]}',
        b'{"is": "alive", "now": 1, "missing": ["a"], "absent": -1}',
        b'{"is": "stopped", "now": 1, "host": 7}',
        failed(time=10**400),
        failed(time=float("inf")),
        failed(time=None),
        failed(rank=10**400),
        failed(rank=-1),
        failed(rank=1.5),
        failed(rank=True),
        failed(rank="0"),
        failed(sudden=1),
        failed(text=None),
        failed(text="x" * 5000),
        failed(host=["algo-2"]),
        failed(host="h" * 2000),
    ],
    ids=lambda line: line[:40].decode("latin-1"),
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason
        from_line(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"is": st.sampled_from(sorted(KINDS))},
    optional=dict.fromkeys(("now", "host", "rank", "time", "sudden", "text", "missing", "absent"), JSON),
)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()) | FIELDS.map(lambda v: json.dumps(v).encode())
)
def test_whatever_comes_is_a_message_in_range_or_refused(line: bytes) -> None:
    try:
        message = from_line(line)
    except ValueError:
        return
    assert message.kind in KINDS
    assert 0 <= message.now <= 1e11
    cause = message.by_clock(2.0)
    assert cause is None or (isinstance(cause.text, str) and -1e12 < cause.time < 1e12)
