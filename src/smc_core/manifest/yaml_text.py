"""Writes a tree of dicts, lists and scalars as YAML that every reader reads alike.

A text is written plainly only if no version of YAML could read it as anything else; else in double quotes and ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_WORDS = frozenset(("y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf"))
"""Words that some version of YAML reads as something else than a text."""
_LITERAL = re.compile(r"(?:[!-~][ -~]*\n)+\Z")
"""Lines that a literal block keeps as they are: none is empty or indented."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_LONGEST_KEY = 1000
"""Characters of a key without a mark of its own: YAML allows 1,024."""


class Comment(str):
    """A key that is written as a comment, before what follows it. Its value counts for nothing."""

    __slots__ = ()


def document(tree: dict[str, Any]) -> str:
    """One document, without ``---``."""
    return "".join(f"{line}\n" for line in _mapping(tree, ""))


def _mapping(tree: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(key, Comment):
            yield f"{indent}# {key}"
        elif len(text := _text(key)) > _LONGEST_KEY:
            yield f"{indent}? {text}"
            yield from _entry(f"{indent}:", value, indent)
        else:
            yield from _entry(f"{indent}{text}:", value, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping(value, f"{indent}  ")
    elif isinstance(value, list) and value:
        yield head
        yield from _sequence(value, indent)
    elif isinstance(value, str) and _LITERAL.match(value):
        yield f"{head} |"
        yield from (f"{indent}  {line}" for line in value[:-1].split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _sequence(items: list[Any], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item:
            lines = list(_mapping(item, f"{indent}  "))
            yield f"{indent}- {lines[0].lstrip(' ')}"
            yield from lines[1:]
        elif isinstance(item, list) and item:
            yield f"{indent}-"
            yield from _sequence(item, f"{indent}  ")
        else:
            yield f"{indent}- {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value == {} or value == []:
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"{type(value).__name__} cannot be written")


def _text(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if " " <= character <= "~":
        return character
    code = ord(character)  # JSON's pairs of surrogates are not YAML
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
