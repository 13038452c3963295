"""Whether a value already is what an annotation says: then nothing has to convert it.

Most values are. :mod:`pydantic` converts and refuses the others, and is imported only then: its import takes longer
than all else that prepares a small job.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Literal

_UNIONS = (typing.Union, types.UnionType)
_COLLECTIONS = (list, set, frozenset)


def fits(value: object, annotation: Any) -> bool:
    """Whether a value is certainly what an annotation says; False leaves the question to a validator.

    Types are compared exactly: a bool is no int here, and an int no float, as a validator would convert them.

    Args:
        value: any value.
        annotation: a type, as it stands behind a name: ``int``, ``str | None``, ``dict[str, list[int]]``.

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
    if origin in _COLLECTIONS:
        return all(fits(item, parts[0]) for item in typing.cast("list[Any]", value))
    if origin is dict:
        return all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in typing.cast("dict[Any, Any]", value).items()
        )
    return False
