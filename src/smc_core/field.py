"""The fields of a plain frozen class (:mod:`smc_core.frozen`), and how a class declares them."""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Callable
from typing import Any, ClassVar

_NONE = object()
_IMMUTABLE = (str, int, float, bool, bytes, type(None))


class Field:
    """A field of a frozen class.

    Attributes:
        name: its name.
        description: what it contains, in one line; may be empty.
        listed: whether ``dict()`` and ``repr()`` show it.
        is_required: whether it has no default.
    """

    def __init__(self, description: str, default: Any, factory: Callable[[], Any] | None, *, listed: bool) -> None:
        self.description = description
        self.listed = listed
        self.is_required = default is _NONE and factory is None
        self._default = default
        self._factory = factory
        self._constraint: Any = None

    def placed(self, owner: type, name: str, annotation: Any) -> Field:
        """This field, now that a class has given it a name and a type."""
        self.name = name
        self._owner = owner
        self._annotation = annotation
        return self

    @functools.cached_property
    def annotation(self) -> Any:
        """Its type.

        Raises:
            TypeError: the annotation uses a name that its module does not define.

        """
        found = self._annotation
        if isinstance(found, str):
            try:
                found = eval(found, vars(sys.modules[self._owner.__module__]))  # noqa: S307 - the source of a class
            except Exception as error:
                raise TypeError(
                    f"the annotation {found!r} of {self._owner.__qualname__}.{self.name} cannot be resolved: {error}; "
                    f"define the type at the top level of the module {self._owner.__module__}"
                ) from error
        return found if self._constraint is None else typing.Annotated[found, self._constraint]

    def default(self) -> Any:
        """The value if none is given. A mutable default is copied, so that no two objects share it."""
        if self._factory is not None:
            return self._factory()
        if isinstance(self._default, _IMMUTABLE):
            return self._default
        import copy

        return copy.deepcopy(self._default)

    @classmethod
    def of_pydantic(cls, info: Any) -> Field:
        """A field declared with pydantic's own ``Field(...)``: default, description and constraints."""
        default = _NONE if info.is_required() or info.default_factory else info.default
        made = cls(info.description or "", default, info.default_factory, listed=not info.exclude)
        made._constraint = info
        return made


def field(
    description: str = "",
    *,
    default: Any = _NONE,
    default_factory: Callable[[], Any] | None = None,
    listed: bool = True,
) -> Any:
    """Describe a field, and give it a default.

    ``world_size: int = field("processes that train together", default=1)``

    Args:
        description: what it holds, in one line.
        default: the value if none is given. A field without a default and without a factory is required.
        default_factory: called for each object that is not given a value.
        listed: whether ``dict()`` and ``repr()`` show it.

    """
    return Field(description, default, default_factory, listed=listed)


def declared(cls: type) -> dict[str, Field]:
    """The fields that a class declares itself, without those of its bases.

    Raises:
        TypeError: the class uses a decorator of pydantic's that works in a pydantic model only.

    """
    found = {}
    for name, value in list(vars(cls).items()):
        if type(value).__name__ == "PydanticDescriptorProxy":
            raise TypeError(
                f"{cls.__qualname__}.{name}: {cls.__name__} is not a pydantic model; put a check in the annotation "
                "(Annotated[int, AfterValidator(check)]), and use a plain property for a value that fields imply"
            )
    for name, annotation in cls.__annotations__.items():
        if name.startswith("_") or _is_class_variable(annotation):
            continue
        value = vars(cls).get(name, _NONE)
        found[name] = _as_field(value).placed(cls, name, annotation)
        if not isinstance(value, _IMMUTABLE) and name in vars(cls):
            delattr(cls, name)  # or the class would offer the declaration, or a shared list, as a value
    return found


def _as_field(value: Any) -> Field:
    if isinstance(value, Field):
        return value
    if type(value).__name__ == "FieldInfo" and type(value).__module__.startswith("pydantic."):
        return Field.of_pydantic(value)
    return Field("", value, None, listed=True)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2] == "ClassVar"
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar
