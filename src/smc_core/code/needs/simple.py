"""Evaluates simple requirements without the library ``packaging``, whose import takes longer than everything else.

A simple requirement is a name with plain release numbers, with conditions joined by ``and``: ``numpy>=1.24,<3``,
``tzdata>=2022.7; python_version < "3.13"``. Everything else is left to the library. A test compares the two on
arbitrary requirements.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\(?)([^()\[\]@]*)(\)?)\s*")
_CLAUSE = re.compile(
    r"\s*(==|!=|<=|>=|<|>|~=)\s*([0-9]+(?:\.[0-9]+)*)(?:(\.\*)|(\.?(?:a|b|rc|dev)\.?[0-9]*))?\s*", re.IGNORECASE
)
_CONDITION = re.compile(r"\s*\(?\s*(\w+)\s*(==|!=|<=|>=|<|>)\s*([\"'])([^\"']*)\3\s*\)?\s*")
_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_VERSION = re.compile(r"([0-9]+(?:\.[0-9]+)*)(?:(\.post[0-9]+)|(\+[a-z0-9.]+))?")
_FOR_PRE = ("<", ">=")
"""Operators for which a pre-release in a clause acts like its release: to a final release, ``<2.0a0`` is ``<2.0``."""
_FOR_POST = ("<", ">=", "~=")
_FOR_LOCAL = ("<", ">=", "~=", "==", "!=")
"""Operators that give the same answer for a version with ``.postN`` or ``+local`` as for its release."""

_LONGEST = 1000
"""Characters of a requirement; a usual one has 20, and the patterns may scan a text more than once."""

Release = tuple[int, ...]
_COMPARE: dict[str, Callable[[Release, Release], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
}


@dataclass(frozen=True)
class Simple:
    """A simple requirement.

    Attributes:
        name: name of the distribution, as it is written.
        applies: whether its conditions hold in this interpreter, without any extra.
    """

    name: str
    applies: bool
    _clauses: tuple[tuple[str, Release, bool], ...]

    def permits(self, version: str) -> bool | None:
        """Whether it permits a version; None if that cannot be decided here."""
        match = _VERSION.fullmatch(version) if len(version) <= _LONGEST else None
        found = _release(match.group(1)) if match else None
        if match is None or found is None:
            return None
        sure = _FOR_POST if match.group(2) else _FOR_LOCAL if match.group(3) else (*_COMPARE, "~=")
        if any(operator not in sure and not wildcard for operator, _, wildcard in self._clauses):
            return None
        return all(_holds(found, *clause) for clause in self._clauses)


def read_simple(text: str) -> Simple | None:
    """Parse a requirement; None if it is not simple, or not a requirement."""
    if len(text) > _LONGEST:
        return None
    requirement, _, condition = text.partition(";")
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None or bool(match.group(2)) != bool(match.group(4)):
        return None
    clauses = []
    for part in match.group(3).split(",") if match.group(3).strip() else ():
        clause = _CLAUSE.fullmatch(part)
        if clause is None or not _is_sound(*clause.groups()):
            return None
        clauses.append((clause.group(1), tuple(map(int, clause.group(2).split("."))), bool(clause.group(3))))
    applies = _applies(condition) if condition.strip() else True
    return None if applies is None else Simple(match.group(1), applies, tuple(clauses))


def _is_sound(operator: str, release: str, wildcard: str | None, pre: str | None) -> bool:
    if wildcard:
        return operator in ("==", "!=")
    if pre:
        return operator in _FOR_PRE
    return operator != "~=" or "." in release


def _holds(found: Release, operator: str, wanted: Release, wildcard: bool) -> bool:
    if wildcard:
        begins = _padded(found, len(wanted))[: len(wanted)] == wanted
        return begins == (operator == "==")
    if operator == "~=":
        return _holds(found, ">=", wanted, False) and _holds(found, "==", wanted[:-1], True)
    length = max(len(found), len(wanted))
    return _COMPARE[operator](_padded(found, length), _padded(wanted, length))


def _applies(condition: str) -> bool | None:
    """Whether conditions that are joined by ``and`` hold; None if they are not as simple as that."""
    if re.search(r"\bor\b|\(.*\(", condition) or condition.count("(") != condition.count(")"):
        return None
    answers = [_is_true(part) for part in re.split(r"\band\b", condition)]
    return None if None in answers else all(answers)


def _is_true(condition: str) -> bool | None:
    match = _CONDITION.fullmatch(condition)
    if match is None or condition.count("(") != condition.count(")"):
        return None
    name, operator, _, wanted = match.groups()
    if name in ("python_version", "python_full_version"):
        found = _release(".".join(map(str, sys.version_info[: 2 if name == "python_version" else 3])))
        release = _release(wanted)
        final = sys.version_info.releaselevel == "final"
        return _holds(found, operator, release, False) if final and found and release else None
    known = {
        "sys_platform": sys.platform,
        "os_name": os.name,
        "platform_system": os.uname().sysname,
        "platform_machine": os.uname().machine,
        "implementation_name": sys.implementation.name,
        "extra": "",
    }
    if name not in known or operator not in ("==", "!="):
        return None
    return (known[name] == wanted) == (operator == "==")


def _release(version: str) -> Release | None:
    return tuple(map(int, version.split("."))) if _RELEASE.fullmatch(version) else None


def _padded(release: Release, length: int) -> Release:
    return release + (0,) * (length - len(release))
