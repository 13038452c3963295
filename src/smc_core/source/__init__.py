"""Decides between script and function mode from a Python file's syntax tree, before any of it runs.

A file is a script if it tests ``__name__`` against ``"__main__"``, in any form and place, or if importing it would
start the training: it calls its own ``train`` on module level or passes it on, directly or through another of its
names. Otherwise a top-level name ``train`` means function mode. Everything else is a script.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import ast
import os
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from smc_core.source.tree import FUNCTION, evaluated, headers, is_wrapper, own_nodes, targets, top_level

TRAIN = "train"
"""The name of the function that function mode calls."""

_SELF = frozenset({"__name__", "__file__", "__spec__"})


class Shape(NamedTuple):
    """How a file is run.

    Attributes:
        mode: ``script`` or ``function``.
        reason: why, for the log.
    """

    mode: Literal["script", "function"]
    reason: str


def shape(tree: ast.Module, folder: str | None = None) -> Shape:
    """Decide whether a file is a script or contains a function to be called.

    Args:
        tree: the file's syntax tree.
        folder: the code directory, to find modules that are imported with ``*``; None to ignore them.

    """
    line = _main_test(tree)
    if line is not None:
        return Shape("script", f'it tests __name__ against "__main__" (line {line})')
    bindings = [found for found in _bindings(tree.body, folder) if found.name == TRAIN]
    if not bindings:
        return Shape("script", f"it defines no {TRAIN}()")
    from smc_core.source.calls import first_run

    line = first_run(tree, TRAIN)
    if line is not None:
        return Shape("script", f"it runs {TRAIN}() itself (line {line})")
    if not any(found.is_function for found in bindings):
        line = _first_load(tree)
        if line is not None:
            return Shape("script", f"it uses {TRAIN} itself (line {line})")
    return Shape("function", f"it {bindings[-1].how}")


class _Binding(NamedTuple):
    name: str
    how: str
    is_function: bool


def _main_test(tree: ast.Module) -> int | None:
    """Line of the first statement that contains both this module's name and ``"__main__"``."""
    aliases = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _is_main_text(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for statement in _statements(tree):
        own = main = False
        for node in own_nodes(statement):
            own = own or _names_self(node)
            main = main or _is_main_text(node) or (isinstance(node, ast.Name) and node.id in aliases)
        if own and main:
            return statement.lineno
    return None


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """All statements, starting with the last at the top level: that is where the test usually is."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                pending.append(child)


def _names_self(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _SELF
    return isinstance(node, ast.Constant) and node.value == "__name__"


def _is_main_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "__main__"
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and text.strip("_") == "main" and text != "main"


def _bindings(body: Iterable[ast.stmt], folder: str | None) -> Iterator["_Binding"]:
    """The names that the top level of a module binds to something that can be called."""
    for statement in top_level(body):
        if isinstance(statement, FUNCTION):
            yield _Binding(statement.name, f"defines {statement.name}()", True)
        elif isinstance(statement, ast.ClassDef):
            yield _Binding(statement.name, f"defines a class {statement.name}", True)
        elif isinstance(statement, ast.ImportFrom):
            yield from _imported(statement, folder)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            yield from _assigned(statement)


def _imported(statement: ast.ImportFrom, folder: str | None) -> Iterator["_Binding"]:
    path = None
    if folder is not None and statement.module and not statement.level:
        path = os.path.join(folder, *statement.module.split("."))
    for alias in statement.names:
        name = alias.asname or alias.name
        if name == "*":
            yield from () if path is None else _from_star(path)
        elif path is None or not _is_module(path, alias.name):
            yield _Binding(name, f"imports {name}", False)


def _is_module(package: str, name: str) -> bool:
    """Whether a name in a package of the user's is a module, which cannot be called."""
    path = os.path.join(package, name)
    if not os.path.isfile(path + ".py") and not os.path.isdir(path):
        return False
    return all(found.name != name for found in _from_star(package))


def _from_star(path: str) -> Iterator["_Binding"]:
    """What ``from module import *`` binds, if the module is one of the user's files."""
    for candidate in (path + ".py", os.path.join(path, "__init__.py")):
        try:
            with open(candidate, "rb") as file:
                body = ast.parse(file.read(), candidate).body
        except (OSError, SyntaxError, ValueError):
            continue
        for found in _bindings(body, None):
            yield _Binding(found.name, f"imports {found.name}", False)


def _assigned(statement: ast.Assign | ast.AnnAssign) -> Iterator["_Binding"]:
    value = statement.value
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        else:
            pairs = [(target, value)] if value is not None else []
        for name, item in pairs:
            if isinstance(name, ast.Name) and _may_be_called(item):
                is_function = isinstance(item, ast.Lambda) or is_wrapper(item)
                yield _Binding(name.id, f"assigns {name.id}", is_function)


def _may_be_called(value: ast.expr) -> bool:
    return isinstance(value, (ast.Name, ast.Attribute, ast.Lambda, ast.Call, ast.IfExp, ast.BoolOp, ast.Subscript))


def _first_load(tree: ast.Module) -> int | None:
    """Line of the first use of ``train`` on module level, except for its definition and aliases."""
    for statement, expressions in headers(tree.body):
        rebinds = isinstance(statement, (ast.Assign, ast.AnnAssign)) and (
            isinstance(statement.value, ast.Name) or TRAIN in targets(statement)
        )
        for node in () if rebinds else evaluated(expressions):
            if isinstance(node, ast.Name) and node.id == TRAIN and isinstance(node.ctx, ast.Load):
                return statement.lineno
    return None
