"""Whether importing a module would begin its training: it calls its own ``train`` on module level, or passes it on.

By itself, or by way of another name of the module: a function or class that calls it, another name for it, a table of
commands or a command line that it was put into. ``main``, called by the module itself, is such a name in any case.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from smc_core.source.tree import (
    DEFINITION,
    FUNCTION,
    Definition,
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
"""Calls that, without an argument, make a command line of the module that they stand in."""
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_AUTOMATIC = "automain"
"""Last part of the name of a decorator that itself runs what it decorates."""


def first_run(tree: ast.Module, name: str) -> int | None:
    """Line of the first statement that calls or passes on a function when the module is imported.

    Args:
        tree: the module.
        name: the function's name.

    """
    return _Runs(tree, name).line()


class _Runs:
    def __init__(self, tree: ast.Module, name: str) -> None:
        self._body = tree.body
        self._definitions = [each for each in top_level(tree.body) if isinstance(each, DEFINITION)]
        self._own = {name} | {each.name for each in self._definitions if each.name == _MAIN}
        self._classes = {each.name for each in self._definitions if isinstance(each, ast.ClassDef)}
        self._bound = {each.name for each in self._definitions}
        for statement in top_level(tree.body):
            self._bound |= targets(statement)

    def line(self) -> int | None:
        known = -1
        while known < len(self._own):  # a name that is found to run it may run it by way of one found later
            known = len(self._own)
            self._follow_definitions()
            self._follow_assignments()
        for statement, expressions in headers(self._body):
            if any(self._is_run(node, statement) for node in evaluated(expressions)):
                return statement.lineno
            if isinstance(statement, FUNCTION) and self._runs_by_decorator(statement):
                return statement.lineno
        return None

    def _follow_definitions(self) -> None:
        """Functions and classes that run it; what such a function was put into by its decorator."""
        for each in self._definitions:
            if each.name not in self._own and any(self._is_run(node, each) for node in _inside(each)):
                self._own.add(each.name)
            if each.name in self._own:
                self._own |= {str(name) for name in map(_registry, each.decorator_list) if name in self._bound}

    def _follow_assignments(self) -> None:
        """Other names: ``run = train``, ``commands = {"train": train}``, ``step = partial(train, 1)``."""
        for statement, expressions in headers(self._body):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                if self._mentions(statement.value):
                    self._own |= targets(statement)
            elif isinstance(statement, ast.Expr):  # ``app.add_command(train)``
                for call in expressions:
                    name = root(call)
                    if is_wrapper(call) and name in self._bound and any(map(self._mentions, _arguments(call))):
                        self._own.add(str(name))

    def _is_run(self, node: ast.AST, statement: ast.stmt) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Call) and any(map(self._mentions, _arguments(node.func))):
            return True
        name = root(node.func)
        if name in self._own and not is_dunder(node.func):
            return not self._only_makes(node, statement)
        if self._is_command_line(node):
            return True
        if is_wrapper(node) or self._rebinds(node, statement):
            return False
        return any(map(self._mentions, _arguments(node)))

    def _only_makes(self, call: ast.Call, statement: ast.stmt) -> bool:
        """Whether it makes an object of a class of this module, and gives it a name: ``trainer = Trainer()``."""
        is_class = isinstance(call.func, ast.Name) and call.func.id in self._classes and call.func.id != "train"
        return is_class and isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is call

    def _rebinds(self, call: ast.Call, statement: ast.stmt) -> bool:
        """Whether it decorates: ``train = timed(train)``."""
        passed = {each.id for each in _arguments(call) if isinstance(each, ast.Name)}
        return isinstance(statement, (ast.Assign, ast.AnnAssign)) and bool(passed & targets(statement) & self._own)

    def _is_command_line(self, call: ast.Call) -> bool:
        if last_name(call.func) in _COMMAND_LINES and not call.args:
            return True
        found = list(ast.walk(call.func))
        if any(isinstance(node, ast.Call) and last_name(node.func) in _NAMESPACES for node in found):
            return True  # globals()[name]()
        return any(isinstance(node, ast.Attribute) and node.attr == "modules" for node in found) and any(
            isinstance(node, ast.Name) and node.id == "__name__" for node in found
        )

    def _mentions(self, value: ast.AST) -> bool:
        """Whether a value holds one of the names, and not merely what a call of something else gives."""
        if isinstance(value, ast.Name):
            return value.id in self._own
        if isinstance(value, ast.Attribute):
            return not is_dunder(value) and root(value) in self._own
        if isinstance(value, ast.Lambda):
            return any(self._is_run(node, ast.Expr(value)) for node in ast.walk(value.body))
        if isinstance(value, ast.Call):
            makes = isinstance(value.func, ast.Name) and value.func.id in self._own & self._classes
            return makes or any(map(self._mentions, _arguments(value)))
        parts = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.IfExp, ast.BoolOp, ast.Starred, ast.NamedExpr)
        return isinstance(value, parts) and any(map(self._mentions, ast.iter_child_nodes(value)))

    @staticmethod
    def _runs_by_decorator(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return any(last_name(each) == _AUTOMATIC for each in function.decorator_list)


def _registry(decorator: ast.expr) -> str | None:
    """``app`` of ``@app.command()``; None of a decorator that is a plain function: ``@timed``."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return root(target) if isinstance(target, ast.Attribute) else None


def _inside(definition: Definition) -> Iterator[ast.AST]:
    for statement in definition.body:
        yield from ast.walk(statement)


def _arguments(call: ast.AST) -> list[ast.expr]:
    if not isinstance(call, ast.Call):
        return []
    return [*call.args, *(keyword.value for keyword in call.keywords)]
