"""Plain frozen classes: fields are declared by annotations, as in a dataclass, and values are validated against them.

Every process of a job creates such an object when it starts. So no library is imported for a value that already has its
annotated type (:mod:`smc_core.annotated`), and :mod:`dataclasses`, which imports :mod:`inspect`, is not used either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from smc_core.annotated import fits
from smc_core.field import Field, declared, field
from smc_core.words import did_you_mean, nearest

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**options: object) -> Callable[[type], type]:
        """Does nothing at run time; a type checker reads it and treats subclasses as dataclasses."""
        return lambda cls: cls


def fields(frozen: type[Frozen] | Frozen) -> Mapping[str, Field]:
    """The fields of a class by name, inherited ones first: each has a ``description`` and an ``annotation``."""
    return frozen._fields


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Frozen:
    """The base of plain frozen classes.

    A subclass declares its fields by annotations, optionally with a default or :func:`field`. Class variables and names
    that begin with ``_`` are not fields. Constraints are pydantic's: ``Annotated[int, Gt(0)]``.
    """

    _fields: ClassVar[Mapping[str, Field]] = {}
    _declared_here: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._declared_here = declared(cls)
        found: dict[str, Field] = {}
        for base in reversed(cls.__mro__):
            found.update(base.__dict__.get("_declared_here", {}))
        cls._fields = found

    def __init__(self, **given: Any) -> None:
        """Validate the fields and set them.

        Args:
            **given: the fields by name.

        Raises:
            TypeError: a field is unknown, or a required one is missing.
            ValueError: values do not fit their annotations (a ``pydantic.ValidationError`` that names all of them).

        """
        self.__dict__.update(_completed(type(self), checked(type(self), given)))

    @classmethod
    def _trusted(cls, values: Mapping[str, Any]) -> Any:
        """An object with values that need no validation."""
        made = cls.__new__(cls)
        made.__dict__.update(_completed(cls, values))
        return made

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name, field in self._fields.items() if field.listed)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (_parents(type(self)), self._values())

    if not TYPE_CHECKING:  # a type checker would conclude that any name can be set

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be set{self._advice(name)}")

        def __delattr__(self, name: str) -> None:
            raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be deleted")

    def _advice(self, name: str) -> str:
        """What the message says after "cannot be set": what to do instead."""
        return ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic accept an instance for a parameter or a model's field that is annotated with the class."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)


def checked(cls: type[Frozen], given: Mapping[str, Any], hint: str = "") -> dict[str, Any]:
    """Values with their annotated types; pydantic converts those that do not have them yet.

    Args:
        cls: the class that declares the fields.
        given: the values by field.
        hint: what to say of an unknown field that is like no other.

    Raises:
        TypeError: a field is unknown.
        ValueError: a value does not fit its annotation.

    """
    known = fields(cls)
    for name in given:
        if name not in known:
            raise TypeError(
                f"{cls.__name__} has no field {name!r}{did_you_mean(map(repr, nearest(name, known))) or hint}"
            )
    doubtful = {name: value for name, value in given.items() if not fits(value, known[name].annotation)}
    return {**given, **_validated(cls, doubtful)} if doubtful else dict(given)


_JOINED: dict[tuple[type[Frozen], type[Frozen]], type[Frozen]] = {}
"""A pair of classes → the class that inherits from both, such as that of an Environment extended by two plugins."""


def joined(first: type[Any], second: type[Any]) -> type[Any]:
    """The class that is both: one of the two if it inherits from the other, otherwise the same subclass each time."""
    if issubclass(first, second):
        return first
    if issubclass(second, first):
        return second
    if (first, second) not in _JOINED:
        _JOINED[first, second] = type(first.__name__, (first, second), {"__module__": first.__module__})
    return _JOINED[first, second]


def _parents(cls: type[Frozen]) -> Any:
    """What represents a class in a pickle. No module contains a joined class, but its parents can be found."""
    shared = next((parents for parents, made in _JOINED.items() if made is cls), None)
    return cls if shared is None else tuple(_parents(parent) for parent in shared)


def _restored(parents: Any, values: Mapping[str, Any]) -> Frozen:
    """The object that was pickled."""
    return _class_of(parents)._trusted(values)  # type: ignore[no-any-return]


def _class_of(parents: Any) -> type[Frozen]:
    return joined(*map(_class_of, parents)) if isinstance(parents, tuple) else parents


def copied(value: Any) -> Any:
    """A copy of a value: collections are copied, and a pydantic model becomes a dict of its fields."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(map(copied, value))
    return value.model_dump() if hasattr(type(value), "model_dump") else value


def properties(cls: type[Frozen], base: type[Frozen]) -> list[str]:
    """The names of the public properties that a class adds to a base."""
    found: dict[str, Any] = {}
    for each in reversed(cls.__mro__):
        if each not in base.__mro__:
            found.update(vars(each))
    return [name for name, value in found.items() if isinstance(value, property) and name[0] != "_"]


def _validated(cls: type[Frozen], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values, converted by pydantic."""
    from pydantic import ConfigDict, create_model

    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())
    types: dict[str, Any] = {name: (fields(cls)[name].annotation, ...) for name in given}
    model = create_model(cls.__name__, __config__=config, __module__=cls.__module__, **types)
    made = model(**given)
    return {name: getattr(made, name) for name in given}


def _completed(cls: type[Frozen], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all fields in their order, with defaults for those that are not given."""
    missing = [name for name, field in fields(cls).items() if field.is_required and name not in values]
    if missing:
        raise TypeError(f"{cls.__name__}() is missing {', '.join(missing)}")
    return {name: values[name] if name in values else field.default() for name, field in fields(cls).items()}
