"""Values that JSON can hold and a process can be passed, for property tests."""

from __future__ import annotations

import json

from hypothesis import strategies as st

PASSABLE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PASSABLE_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PASSABLE_TEXT, inner, max_size=4),
    max_leaves=12,
)


def check_token(token: str, value: object) -> None:
    """That an argument in the classic style still holds the value."""
    if isinstance(value, str):
        assert token == value
    elif isinstance(value, (list, dict)):
        assert json.loads(token) == value
    elif value is None or isinstance(value, bool):
        assert token == {None: "", True: "True", False: "False"}[value]
    else:
        assert json.loads(token) == value
