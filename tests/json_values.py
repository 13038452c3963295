"""Values that JSON can hold and a process can be passed, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

PASSABLE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PASSABLE_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PASSABLE_TEXT, inner, max_size=4),
    max_leaves=12,
)
