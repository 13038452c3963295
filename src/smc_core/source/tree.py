"""Walks a module's syntax tree: its statements as an import runs them, and the names in them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_WRAPPERS = frozenset(
    {
        *(
            "partial",
            "partialmethod",
            "wraps",
            "update_wrapper",
            "lru_cache",
            "cache",
            "singledispatch",
            "staticmethod",
        ),
        *("jit", "pmap", "vmap", "grad", "function", "compile", "remote", "record", "task", "register", "add_command"),
        *("callable", "hasattr", "getattr", "setattr", "isinstance", "type", "id", "signature", "getsource"),
    }
)
"""Last part of the name of calls that take a function without running it."""


def top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, in their order; not those inside functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, DEFINITION):
            continue
        if isinstance(statement, ast.If) and last_name(statement.test) == "TYPE_CHECKING":
            yield from top_level(statement.orelse)
            continue
        for field in ("body", "handlers", "cases", "orelse", "finalbody"):
            for part in getattr(statement, field, ()):
                yield from top_level([part] if isinstance(part, ast.stmt) else part.body)


def own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement, without those of nested statements."""
    pending = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.Constant, ast.Name)):
            pending += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def headers(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.stmt, list[ast.expr]]]:
    """Every statement that an import runs, with the expressions that it evaluates itself; class bodies included."""
    for statement in top_level(body):
        if isinstance(statement, FUNCTION):
            defaults = [*statement.args.defaults, *(each for each in statement.args.kw_defaults if each is not None)]
            yield statement, [*statement.decorator_list, *defaults]
        else:
            yield statement, [node for node in _children(statement) if isinstance(node, ast.expr)]
        if isinstance(statement, ast.ClassDef):
            yield from headers(statement.body)


def _children(statement: ast.stmt) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, (ast.withitem, ast.match_case)):
            yield from (node for node in ast.iter_child_nodes(child) if not isinstance(node, ast.stmt))
        elif not isinstance(child, ast.stmt):
            yield child


def evaluated(expressions: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of expressions, except constants, operands of a ``.__dunder__`` and the content of lambdas."""
    pending = list(expressions)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Constant, ast.Lambda)) or is_dunder(node):
            continue
        yield node
        pending += list(ast.iter_child_nodes(node))


def targets(statement: ast.stmt) -> set[str]:
    """The names that an assignment binds; empty for any other statement."""
    if isinstance(statement, ast.Assign):
        found = statement.targets
    else:
        found = [statement.target] if isinstance(statement, ast.AnnAssign) else []
    return {node.id for target in found for node in ast.walk(target) if isinstance(node, ast.Name)}


def is_wrapper(node: ast.AST) -> bool:
    """Whether a node is a call that takes a function without running it: ``partial(train, 1)``."""
    return isinstance(node, ast.Call) and last_name(node.func) in _WRAPPERS


def last_name(node: ast.AST) -> str | None:
    """``jit`` of ``jax.jit``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def chain(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what it is taken from: ``app.commands["x"]()``, ``app.commands["x"]``, ``app.commands``, ``app``."""
    yield node
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Await)):
        node = node.func if isinstance(node, ast.Call) else node.value
        yield node


def root(node: ast.AST) -> str | None:
    """``app`` of ``app.commands["x"]().run``."""
    *_, last = chain(node)
    return last.id if isinstance(last, ast.Name) else None


def is_dunder(node: ast.AST) -> bool:
    """Whether a node is an attribute such as ``train.__doc__``."""
    return isinstance(node, ast.Attribute) and node.attr.startswith("__")
