"""Whether importing a module would start its training: it calls its own ``train`` on module level, or passes it on.

It may do so directly, or through another name of the module: a function or class that calls it, an alias, a table of
commands or a command line that contains it. ``main``, called by the module itself, always counts as such a name.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from smc_core.source.tree import (
    DEFINITION,
    FUNCTION,
    Definition,
    chain,
    evaluated,
    headers,
    is_dunder,
    is_wrapper,
    last_name,
    root,
    targets,
    top_level,
)

_MAIN = "main"
_COMMAND_LINES = frozenset({"Fire", "CLI", "auto_cli"})
"""Calls that, without an argument, create a command line from the module that contains them."""
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_AUTOMATIC = "automain"
"""Last part of the name of a decorator that runs the function it decorates."""
_HOLDERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.IfExp, ast.BoolOp, ast.Starred, ast.NamedExpr)


def first_run(tree: ast.Module, name: str) -> int | None:
    """Line of the first statement that calls or passes on a function when the module is imported.

    Args:
        tree: the module.
        name: the function's name.

    """
    return _Runs(tree, name).line()


class _Runs:
    """The names of a module that run a function, if they are called or passed on."""

    def __init__(self, tree: ast.Module, name: str) -> None:
        self._name = name
        self._headers = list(headers(tree.body))
        self._definitions = [each for each in top_level(tree.body) if isinstance(each, DEFINITION)]
        self._classes = {each.name for each in self._definitions if isinstance(each, ast.ClassDef)}
        self._bound: set[str | None] = {each.name for each in self._definitions}
        for statement in top_level(tree.body):
            self._bound |= targets(statement)
        first = {name} | {each.name for each in self._definitions if each.name == _MAIN}
        self._own = _reached(first, self._edges())

    def line(self) -> int | None:
        for statement, expressions in self._headers:
            if any(self._is_run(node, statement) for node in evaluated(expressions)):
                return statement.lineno
            if isinstance(statement, FUNCTION) and any(last_name(d) == _AUTOMATIC for d in statement.decorator_list):
                return statement.lineno
        return None

    def _edges(self) -> Iterator[tuple[str, str]]:
        """Pairs of names of the module: running the first may run the second."""
        for definition in self._definitions:
            calls = [node for node in _inside(definition) if isinstance(node, ast.Call)]
            yield from ((definition.name, name) for call in calls for name in self._names_run(call))
            registries = set(map(_registry, definition.decorator_list)) & self._bound
            yield from ((str(name), definition.name) for name in registries)
        for statement, expressions in self._headers:
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                mentioned = self._mentioned(statement.value)
                yield from ((target, name) for target in targets(statement) for name in mentioned)
            elif isinstance(statement, ast.Expr):
                for call in filter(is_wrapper, expressions):  # ``app.add_command(train)``
                    registry = {root(call)} & self._bound
                    yield from (
                        (str(each), name) for each in registry for name in self._all_mentioned(_arguments(call))
                    )

    def _is_run(self, node: ast.AST, statement: ast.stmt) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if self._is_command_line(node):
            return True
        return bool(self._names_run(node) & self._own) and not self._binds_only(node, statement)

    def _names_run(self, call: ast.Call) -> set[str]:
        """The names that a call calls or passes on."""
        names = self._all_mentioned(_arguments(call.func))  # partial(train, 1)()
        called = root(call.func)
        if called is not None and not is_dunder(call.func):
            names.add(called)
        return names if is_wrapper(call) else names | self._all_mentioned(_arguments(call))

    def _binds_only(self, call: ast.Call, statement: ast.stmt) -> bool:
        """Whether a call decorates (``train = timed(train)``) or creates an object (``trainer = Trainer()``)."""
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            return False
        called = root(call.func)
        if called not in self._own:
            passed = {each.id for each in _arguments(call) if isinstance(each, ast.Name)}
            return bool(passed & targets(statement) & self._own)
        is_class = isinstance(call.func, ast.Name) and called in self._classes and called != self._name
        return is_class and statement.value is call

    @staticmethod
    def _is_command_line(call: ast.Call) -> bool:
        if last_name(call.func) in _COMMAND_LINES and not call.args:
            return True
        return any(_is_namespace(node) for node in chain(call.func))  # globals()[name]()

    def _all_mentioned(self, values: Iterable[ast.AST]) -> set[str]:
        return {name for value in values for name in self._mentioned(value)}

    def _mentioned(self, value: ast.AST) -> set[str]:
        """The names that a value contains; not those that it is merely computed from."""
        if isinstance(value, ast.Name):
            return {value.id}
        if isinstance(value, ast.Attribute):
            name = None if is_dunder(value) else root(value)
            return set() if name is None else {name}
        if isinstance(value, ast.Lambda):
            calls = [node for node in ast.walk(value.body) if isinstance(node, ast.Call)]
            return {name for call in calls for name in self._names_run(call)}
        if isinstance(value, ast.Call):
            makes = isinstance(value.func, ast.Name) and value.func.id in self._classes
            return self._all_mentioned(_arguments(value)) | ({str(root(value.func))} if makes else set())
        return self._all_mentioned(ast.iter_child_nodes(value)) if isinstance(value, _HOLDERS) else set()


def _is_namespace(node: ast.AST) -> bool:
    """Whether a node is this module's namespace: ``globals()``, ``sys.modules[__name__]``, or ``getattr`` of that."""
    if isinstance(node, ast.Call):
        name = last_name(node.func)
        return name in _NAMESPACES or (name == "getattr" and bool(node.args) and _is_namespace(node.args[0]))
    if not isinstance(node, ast.Subscript) or last_name(node.value) != "modules":
        return False
    return isinstance(node.slice, ast.Name) and node.slice.id == "__name__"


def _reached(first: set[str], edges: Iterable[tuple[str, str]]) -> set[str]:
    """The names from which an edge, or several, lead to one of the first."""
    before = defaultdict(set)
    for source, target in edges:
        before[target].add(source)
    found, pending = set(first), list(first)
    while pending:
        new = before[pending.pop()] - found
        found |= new
        pending += new
    return found


def _registry(decorator: ast.expr) -> str | None:
    """``app`` for ``@app.command()``; None for a decorator that is a plain function: ``@timed``."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return root(target) if isinstance(target, ast.Attribute) else None


def _inside(definition: Definition) -> Iterator[ast.AST]:
    for statement in definition.body:
        yield from ast.walk(statement)


def _arguments(call: ast.AST) -> list[ast.expr]:
    if not isinstance(call, ast.Call):
        return []
    return [*call.args, *(keyword.value for keyword in call.keywords)]
