"""Plain frozen classes: fields by annotation, as in a dataclass, and values that are checked as they are annotated.

The classes are what a job's processes are started with, so that this costs nothing which is not needed: no library is
imported for a value that already is what its annotation says (:mod:`smc_core.annotated`).
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
        """What tells a type checker that subclasses are dataclasses; nothing at run time."""
        return lambda cls: cls


def fields(cls: type[Frozen] | Frozen) -> Mapping[str, Field]:
    """The fields of a class, inherited ones first, by name."""
    return cls._fields


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Frozen:
    """The base of plain frozen classes.

    A subclass declares its fields by annotations, with a default or with :func:`field`; names that begin with ``_`` and
    class variables are none. They are given by name. Constraints are pydantic's: ``Annotated[int, Gt(0)]``.
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
        """Check what is given and take it.

        Args:
            **given: the fields by name.

        Raises:
            TypeError: a field is not known, or one without a default is not given.
            ValueError: values are not as they are annotated (a ``pydantic.ValidationError``, which names them all).

        """
        self.__dict__.update(_completed(type(self), checked(type(self), given)))

    @classmethod
    def _trusted(cls, values: Mapping[str, Any]) -> Any:
        """An object of values that are known to be right."""
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

    if not TYPE_CHECKING:  # else any name at all could be set, for a type checker

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be set{self._advice(name)}")

        def __delattr__(self, name: str) -> None:
            raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be deleted")

    def _advice(self, name: str) -> str:
        """What to do in place of setting a field, for the message."""
        return ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """For pydantic, where a function or model is annotated with the class: an object of it."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)


def checked(cls: type[Frozen], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for fields, as these are annotated: those that are not yet are converted by pydantic.

    Args:
        cls: the class.
        given: the values by field.

    Raises:
        TypeError: there is no such field.
        ValueError: a value is not as it is annotated.

    """
    known = fields(cls)
    for name in given:
        if name not in known:
            raise TypeError(f"{cls.__name__} has no field {name!r}{did_you_mean(map(repr, nearest(name, known)))}")
    open_ = {name: value for name, value in given.items() if not fits(value, known[name].annotation)}
    return {**given, **_validated(cls, open_)} if open_ else dict(given)


_JOINED: dict[tuple[type[Frozen], type[Frozen]], type[Frozen]] = {}
"""The classes that are two others at once, as of an Environment which two plugins have extended, by those two."""


def joined(first: type[Any], second: type[Any]) -> type[Any]:
    """The class that is both: one of the two, or a class of its own, which is the same each time."""
    if issubclass(first, second):
        return first
    if issubclass(second, first):
        return second
    if (first, second) not in _JOINED:
        _JOINED[first, second] = type(first.__name__, (first, second), {"__module__": first.__module__})
    return _JOINED[first, second]


def _parents(cls: type[Frozen]) -> Any:
    """A class as it can be pickled: one that two plugins share is in no module, its parents are."""
    shared = next((parents for parents, made in _JOINED.items() if made is cls), None)
    return cls if shared is None else tuple(_parents(parent) for parent in shared)


def _restored(parents: Any, values: Mapping[str, Any]) -> Frozen:
    """The Environment that was pickled."""
    return _class_of(parents)._trusted(values)  # type: ignore[no-any-return]


def _class_of(parents: Any) -> type[Frozen]:
    return joined(*map(_class_of, parents)) if isinstance(parents, tuple) else parents


def copied(value: Any) -> Any:
    """A value of its own: collections copied, and pydantic's models as what they hold."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(map(copied, value))
    return value.model_dump() if hasattr(type(value), "model_dump") else value


def properties(cls: type[Frozen], base: type[Frozen]) -> list[str]:
    """The public properties of a class that a base of it has not, by name: what follows there from the fields."""
    found = {name: value for each in cls.__mro__ if each not in base.__mro__ for name, value in vars(each).items()}
    return [name for name, value in found.items() if isinstance(value, property) and name[0] != "_"]


def _validated(cls: type[Frozen], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as pydantic converts them."""
    from pydantic import ConfigDict, create_model

    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())
    types: dict[str, Any] = {name: (fields(cls)[name].annotation, ...) for name in given}
    model = create_model(cls.__name__, __config__=config, __module__=cls.__module__, **types)
    made = model(**given)
    return {name: getattr(made, name) for name in given}


def _completed(cls: type[Frozen], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all fields, defaults included, in the order of the fields."""
    missing = [name for name, field in fields(cls).items() if field.is_required and name not in values]
    if missing:
        raise TypeError(f"{cls.__name__} is not given {', '.join(missing)}, which has no default")
    return {name: values[name] if name in values else field.default() for name, field in fields(cls).items()}
