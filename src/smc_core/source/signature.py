"""The parameters of a function, and whether its module reads the job in another way, from the syntax tree."""

from __future__ import annotations

import ast
import inspect
import pathlib
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smc_core.source.tree import FUNCTION, targets, top_level

_BUILTINS: dict[str, Any] = {
    each.__name__: each for each in (int, float, str, bool, bytes, list, dict, tuple, set, object)
}
_IMPORTED: dict[str, Any] = {
    **{name: getattr(typing, name) for name in ("Any", "Optional", "Union", "List", "Dict", "Tuple", "Set", "Literal")},
    "Path": pathlib.Path,
}
_GIVEN = object()
"""Used for every default: its code is not evaluated."""
_READERS = frozenset(
    {"argv", "ArgumentParser", "parse_args", "parse_known_args", "Environment", "read_hps", "channel_dir"}
)
_PLACES = ("SM_", "/opt/ml", "input/data", "hyperparameters.json")


@dataclass(frozen=True)
class Described:
    """A function as its definition shows it.

    Attributes:
        line: the line of its definition.
        parameters: its named parameters, in order; defaults are marked, but not evaluated.
        annotations: their annotated types, as far as those are Python's own.
        takes_all: whether it has ``**kwargs``.
        reads_itself: whether the module itself reads variables, arguments or files of the contract.
    """

    line: int
    parameters: dict[str, inspect.Parameter]
    annotations: dict[str, Any] = field(default_factory=dict)
    takes_all: bool = False
    reads_itself: bool = False


def described(tree: ast.Module, name: str) -> Described | None:
    """The parameters of a function; None if the tree does not show them with certainty.

    They are certain for a plain definition at the top level, without decorators, that is the only one of its name.

    Args:
        tree: the module.
        name: the function's name.

    """
    bound = [statement for statement in top_level(tree.body) if {name, "*"} & set(_bound_by(statement))]
    if len(bound) != 1 or not isinstance(bound[0], FUNCTION) or bound[0].decorator_list or bound[0] not in tree.body:
        return None
    function = bound[0]
    own = {each for statement in top_level(tree.body) for each in _bound_by(statement)}
    imported = {each for statement in tree.body if _is_of_python(statement) for each in _bound_by(statement)}
    known = {
        **{key: value for key, value in _BUILTINS.items() if key not in own},
        **{key: value for key, value in _IMPORTED.items() if key in imported},
    }
    parameters, annotations = {}, {}
    for argument, kind, has_default in _arguments(function.args):
        default = _GIVEN if has_default else inspect.Parameter.empty
        parameters[argument.arg] = inspect.Parameter(argument.arg, kind, default=default)
        found = _type(argument.annotation, known)
        if found is not None:
            annotations[argument.arg] = found
    takes_all = function.args.kwarg is not None
    return Described(function.lineno, parameters, annotations, takes_all, reads_itself(tree))


def reads_itself(tree: ast.Module) -> bool:
    """Whether a module itself reads variables, arguments or files of the contract."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if any(place in node.value for place in _PLACES):
                return True
        elif isinstance(node, ast.Name):
            if node.id in _READERS:
                return True
        elif isinstance(node, ast.Attribute) and node.attr in _READERS:
            return True
    return False


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.arg, Any, bool]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    without_default = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        is_positional_only = index < len(arguments.posonlyargs)
        kind = inspect.Parameter.POSITIONAL_ONLY if is_positional_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
        yield argument, kind, index >= without_default
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument, inspect.Parameter.KEYWORD_ONLY, default is not None


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (*FUNCTION, ast.ClassDef)):
        yield statement.name
    else:
        yield from targets(statement)


def _is_of_python(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module in ("typing", "pathlib") and not statement.level


def _type(annotation: ast.expr | None, known: dict[str, Any]) -> Any:
    """The type that an annotation names, if it consists only of known types; else None."""
    try:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        return None if annotation is None else _built(annotation, known)
    except (KeyError, TypeError, SyntaxError, ValueError, RecursionError):
        return None


def _built(node: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Constant):
        return None if node.value is None else typing.cast("Any", typing.Literal)[node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_built(node.left, known), _built(node.right, known)]  # noqa: UP007 - built, not written
    if isinstance(node, ast.Subscript):
        outer = _built(node.value, known)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer is typing.Literal:
            return outer[tuple(ast.literal_eval(item) for item in items)]
        built = tuple(_built(item, known) for item in items)
        return outer[built if len(built) > 1 else built[0]]
    raise KeyError(ast.dump(node))
