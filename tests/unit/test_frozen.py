"""Plain frozen classes: which fields there are, their defaults, and what is checked."""

from __future__ import annotations

import enum
import pickle
from typing import Annotated, Any, ClassVar

import pydantic
import pytest

from smc_core.field import field
from smc_core.frozen import Frozen, fields


class Colour(enum.Enum):
    RED = "red"


class Point(Frozen):
    dimensions: ClassVar[int] = 2
    _hidden: int = 7
    x: int
    y: int = 0
    marks: list[str] = field("what is written beside it", default_factory=list)


class Named(Point):
    """A field more, and another default of an inherited one."""

    y: int = 5
    name: str = field("what it is called", default="", listed=False)
    colour: Colour = Colour.RED


def test_fields_are_the_annotated_names_inherited_ones_first() -> None:
    assert list(fields(Named)) == ["x", "y", "marks", "name", "colour"]
    assert fields(Named)["marks"].description == "what is written beside it"
    assert fields(Named)["x"].is_required
    assert fields(Named)["marks"].annotation == list[str]
    assert (fields(Point)["y"].default(), fields(Named)["y"].default()) == (0, 5)


def test_defaults_are_not_shared() -> None:
    class Row(Frozen):
        cells: list[int] = []  # noqa: RUF012 - as users write it
        more: dict[str, int] = field(default={})

    Row().cells.append(1)
    Row().more["a"] = 1
    Point(x=1).marks.append("a")
    assert (Row().cells, Row().more, Point(x=1).marks) == ([], {}, [])


def test_classes_and_values_make_equality() -> None:
    assert Point(x=1) == Point(x=1, y=0)
    assert Point(x=1) != Point(x=2)
    assert Point(x=1, y=5) != Named(x=1)
    assert repr(Named(x=1, name="a")) == "Named(x=1, y=5, marks=[], colour=<Colour.RED: 'red'>)"
    assert pickle.loads(pickle.dumps(Named(x=1))) == Named(x=1)


def test_the_nearest_class_that_says_it_wins() -> None:
    class Left(Point):
        pass

    class Right(Point):
        y: int = 9

    class Both(Left, Right):
        pass

    assert Both(x=1).y == 9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Point() is missing x"),
        ({"x": 1, "z": 2}, "Point has no field 'z'"),
        ({"x": 1, "mark": ["a"]}, "Point has no field 'mark'; did you mean 'marks'?"),
        ({"x": 1, "_hidden": 8}, "Point has no field '_hidden'"),
    ],
)
def test_names_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(**given)
    assert str(caught.value) == message


def test_values_are_converted_and_all_that_are_wrong_are_named() -> None:
    made = Named(x="3", marks=("a", "b"), colour="red")  # type: ignore[arg-type]
    assert (made.x, made.marks, made.colour) == (3, ["a", "b"], Colour.RED)
    with pytest.raises(pydantic.ValidationError) as caught:
        Named(x="three", colour="blue")  # type: ignore[arg-type]
    assert [error["loc"] for error in caught.value.errors()] == [("x",), ("colour",)]
    assert caught.value.title == "Named"


def test_constraints_are_pydantics() -> None:
    class Sized(Frozen):
        size: Annotated[int, pydantic.Field(gt=0)]
        many: int = pydantic.Field(default=1, ge=1, description="how many")
        texts: list[str] = pydantic.Field(default_factory=list, exclude=True)

    assert (Sized(size=1).many, Sized(size=1).texts) == (1, [])
    assert (fields(Sized)["many"].description, fields(Sized)["texts"].listed) == ("how many", False)
    with pytest.raises(ValueError, match=r"(?s)size.*greater than 0.*many.*greater than or equal to 1"):
        Sized(size=0, many=0)


def test_a_type_that_pydantic_does_not_know_is_asked_of_the_value() -> None:
    class Device:
        pass

    class Cuda(Device):
        pass

    placed: Any = type("Placed", (Frozen,), {"__annotations__": {"device": Device}, "__module__": __name__})
    assert isinstance(placed(device=Cuda()).device, Cuda)
    with pytest.raises(ValueError, match=r"instance of .*Device"):
        placed(device="cuda")


def test_an_annotation_that_names_nothing_is_said() -> None:
    class Lost(Frozen):
        value: Nowhere  # type: ignore[name-defined] # noqa: F821 - that is what is tested

    with pytest.raises(TypeError, match=r"annotation 'Nowhere' of .*Lost\.value cannot be resolved: name 'Nowhere'"):
        Lost(value=1)


def test_what_only_a_pydantic_model_can_have_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Checked\.check: Checked is not a pydantic model; put a check"):

        class Checked(Frozen):
            value: int

            @pydantic.field_validator("value")
            @classmethod
            def check(cls, value: int) -> int:
                return value


def test_pydantic_knows_its_objects() -> None:
    class Job(pydantic.BaseModel):
        point: Point

    assert Job(point=Named(x=1)).point == Named(x=1)
    with pytest.raises(ValueError, match="instance of Point"):
        Job(point={"x": 1})  # type: ignore[arg-type]
