"""Writes what docstrings say into the pages of the reference. See ``docs/generate.py``.

A page has it between ``<!-- api: NAME -->`` and ``<!-- end -->``, where NAME is a module, class or function by its
full name, or a constant; ``<!-- api: NAME: MEMBERS -->`` adds members, or ``*`` for all that have a docstring.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"(<!-- api: ([\w.]+)(?:: ([\w ,*]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Runs in|Yields):$", re.MULTILINE)
_LISTED = {"Args": "Arguments", "Attributes": "Attributes", "Raises": "Raises"}
_ITEM = re.compile(r"^(\*{0,2}\w+): ", re.MULTILINE)
_ROLE = re.compile(r":\w+:`(~?)([^`]+)`")


def rendered(page: str) -> str:
    """A page with its docstrings as the code has them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{block(found[2], found[3])}\n{found[4]}", page)


def block(name: str, members: str | None) -> str:
    """What the docstrings of an object and its members say, as Markdown."""
    value, own_name = _imported(name), name.rpartition(".")[2]
    if not isinstance(value, ModuleType) and not callable(value):
        return f"**`{own_name}: {type(value).__name__}`**\n\n{markdown(_doc_of_constant(own_name, value))}\n"
    parts = [] if isinstance(value, ModuleType) else [f"**{_heading(value, own_name)}**"]
    parts.append(markdown(inspect.getdoc(value) or ""))
    prefix = "" if isinstance(value, ModuleType) else f"{own_name}."
    for member in _members(value, members or ""):
        found = inspect.getattr_static(value, member)
        parts += [f"**{_heading(found, f'{prefix}{member}')}**", markdown(_doc(found))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(_imported(module), attribute)


def _doc_of_constant(name: str, value: object) -> str:
    """The text that stands below a constant, in the module that defines it."""
    for module in [each for key, each in sorted(sys.modules.items()) if key.startswith("smc_core.")]:
        body = ast.parse(inspect.getsource(module)).body if vars(module).get(name) is value else []
        for node, after in itertools.pairwise(body):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name and isinstance(after, ast.Expr):
                return inspect.cleandoc(str(ast.literal_eval(after.value)))
    raise ValueError(f"nothing is written below {name}")


def _members(value: Any, members: str) -> Iterator[str]:
    if members != "*":
        yield from members.replace(",", " ").split()
        return
    for name, found in vars(value).items():
        own = not isinstance(value, ModuleType) or getattr(found, "__module__", None) == value.__name__
        kind = isinstance(found, (type, classmethod, staticmethod, property)) or inspect.isfunction(found)
        if not name.startswith("_") and own and kind and _doc(found):
            yield name


def _doc(value: Any) -> str:
    return inspect.getdoc(getattr(value, "__func__", value)) or ""


def _heading(value: Any, name: str = "") -> str:
    """Name and parameters as the source has them: a default is a name there, and not what it is on this machine."""
    value = getattr(value, "__func__", value)
    name = name or value.__name__
    if isinstance(value, property):
        return f"`{name}`"
    if isinstance(value, type):
        base = value.__mro__[1].__name__
        return f"class `{name}`" if base in ("object", "NamedTuple", "tuple", "Generic") else f"class `{name}({base})`"
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise TypeError(f"{name} is no function")
    arguments = function.args
    for own in (arguments.args, arguments.posonlyargs):
        if own and own[0].arg in ("self", "cls"):
            del own[0]
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"`{name}({ast.unparse(arguments)}){returns}`"


def markdown(docstring: str) -> str:
    """A docstring in Google's style as Markdown."""
    first, *sections = _SECTION.split(docstring)
    parts = [_text(first)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        body = textwrap.dedent(body).strip()
        if title in _LISTED:
            starts = [match.start() for match in _ITEM.finditer(body)] or [0]
            items = [body[start:end] for start, end in zip(starts, [*starts[1:], len(body)], strict=True)]
            listed = [_ITEM.sub(r"- `\1`: ", " ".join(item.split()), count=1) for item in items]
            parts.append(f"{_LISTED[title]}:\n\n" + "\n".join(_text(item) for item in listed))
        else:
            parts.append(f"{title}: {_text(body)}")
    return "\n\n".join(part for part in parts if part)


def _text(text: str) -> str:
    text = _ROLE.sub(lambda found: f"`{found[2].rpartition('.')[2] if found[1] else found[2]}`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"(?<=\S)::$", ":", text, flags=re.MULTILINE).replace("\n::\n\n", "\n").strip()
