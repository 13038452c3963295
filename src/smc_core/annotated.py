"""Decides whether a value already has its annotated type, so that nothing has to convert it.

Most values do. :mod:`pydantic` converts or refuses the others, and is imported only for them: importing it takes longer
than anything else in the preparation of a small job.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Literal

_UNIONS = (typing.Union, types.UnionType)
_COLLECTIONS = (list, set, frozenset)


def fits(value: object, annotation: Any) -> bool:
    """Whether a value certainly has an annotated type; False leaves the question to a validator.

    Types are compared exactly: a bool is not an int here, nor an int a float, because a validator converts them.

    Args:
        value: any value.
        annotation: a type, such as ``int``, ``str | None`` or ``dict[str, list[int]]``.

    """
    if annotation is Any:
        return True
    origin = typing.get_origin(annotation)
    if origin is None:
        return type(value) is annotation or (value is None and annotation is None)
    parts = typing.get_args(annotation)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin in _UNIONS:
        return any(fits(value, part) for part in parts)
    if type(value) is not origin:
        return False
    if not parts:  # typing.List, which is list
        return True
    if origin in _COLLECTIONS:
        return all(fits(item, parts[0]) for item in typing.cast("list[Any]", value))
    if origin is dict:
        return all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in typing.cast("dict[Any, Any]", value).items()
        )
    return False
