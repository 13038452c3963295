"""Which values need no conversion; what is said to fit, pydantic leaves as it is."""

from __future__ import annotations

import typing
from typing import Any, Literal, Optional, Union

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.annotated import fits

ANNOTATIONS: list[Any] = [
    int,
    float,
    str,
    bool,
    None,
    list,
    dict,
    Any,
    str | None,
    Optional[int],  # noqa: UP045 - users write it so
    Union[int, list[str]],  # noqa: UP007
    Literal["a", 1, None],
    Literal["a"] | None,
    list[int],
    typing.List[str],  # noqa: UP006
    typing.List,  # noqa: UP006
    typing.Dict,  # noqa: UP006
    set[int],
    dict[str, Any],
    dict[str, list[str]],
    dict[str, dict[str, int] | None],
    tuple[int, ...],
]
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(0, 2) | st.sampled_from(["", "a", "1", "true"])
VALUES = st.recursive(
    SCALARS | st.sets(st.integers(0, 3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(VALUES, st.sampled_from(ANNOTATIONS))
def test_what_fits_is_what_pydantic_makes_of_it(value: Any, annotation: Any) -> None:
    if fits(value, annotation):
        made = pydantic.TypeAdapter(annotation).validate_python(value)
        assert repr(made) == repr(value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        ("a", str | None),
        (None, str | None),
        ("a", Literal["a", "b"]),
        ([], list[int]),
        ({"a": ["b"]}, dict[str, list[str]]),
        ({"a": 1}, dict[str, Any]),
        (object(), Any),
    ],
)
def test_what_is_as_it_is_annotated_fits(value: Any, annotation: Any) -> None:
    assert fits(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [(True, int), (1, float), ("1", int), ([1, "a"], list[int]), ({1: 2}, dict[str, int]), (True, Literal[1])],
)
def test_what_has_to_be_converted_does_not(value: Any, annotation: Any) -> None:
    assert not fits(value, annotation)
