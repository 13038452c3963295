"""Checks that the requirements of a plugin's distribution are installed, before the plugin is imported.

A plain requirement such as ``smc-core>=0.1,<0.2`` is evaluated here: every job needs that, and importing the library
``packaging`` would take longer than everything else. Any other requirement is left to the library.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from smc_core.distributions import Distributions, normalize
from smc_core.errors import PluginVersionError
from smc_core.plugins import faults
from smc_core.version import __version__

if TYPE_CHECKING:
    from smc_core.plugins.discovery import Installed

CORE = "smc-core"

_OPERATORS = (">=", "<=", "==", "!=", "<", ">")
"""Longer ones first."""


class _Requirement(NamedTuple):
    name: str
    versions: str
    applies: bool


def check(plugin: Installed) -> None:
    """Compare the requirements of a plugin with the installed versions. Extras are ignored; markers are respected.

    Raises:
        PluginVersionError: the message names the requirement, the installed version, and what to install.

    """
    for text in plugin.requires:
        wanted = _read(text)
        if not wanted.applies:
            continue
        version = _installed(wanted.name)
        if version is None or not _permits(wanted.versions, version):
            raise PluginVersionError(_in_words(plugin, wanted, version))


def _read(text: str) -> _Requirement:
    requirement, _, marker = text.partition(";")
    name = re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]
    versions = requirement.strip()[len(name) :].strip().removeprefix("(").removesuffix(")").strip()
    words = marker.split()
    of_an_extra = "or" not in words and re.search(r"\bextra\s*==", marker) is not None  # none is asked for
    if of_an_extra or (not words and _clauses(versions) is not None):
        return _Requirement(name, versions, not of_an_extra)
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        read = Requirement(text)
    except InvalidRequirement:  # the installer has not understood it either
        return _Requirement(text, "", applies=False)
    applies = read.marker is None or read.marker.evaluate({"extra": ""})
    return _Requirement(read.name, str(read.specifier), applies)


def _installed(name: str) -> str | None:
    if _is_core(name):
        return __version__
    found = Distributions().get(name)
    return None if found is None else found.version


def _is_core(name: str) -> bool:
    return normalize(name) == CORE


def _permits(versions: str, version: str) -> bool:
    clauses, found = _clauses(versions), _release(version)
    if clauses is None or found is None:
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(versions).contains(version, prereleases=True)
    return all(_holds(found, operator, wanted) for operator, wanted in clauses)


def _clauses(versions: str) -> list[tuple[str, list[int]]] | None:
    """The clauses of ``>=0.1,<0.2``; None if one is not a plain comparison with a release number."""
    found = []
    for clause in filter(None, versions.split(",")):
        operator = next((each for each in _OPERATORS if clause.strip().startswith(each)), None)
        wanted = None if operator is None else _release(clause.strip()[len(operator) :].strip())
        if operator is None or wanted is None:
            return None
        found.append((operator, wanted))
    return found


def _release(version: str) -> list[int] | None:
    """The numbers of a plain release, without insignificant zeros at its end."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _holds(found: list[int], operator: str, wanted: list[int]) -> bool:
    if operator in ("==", "!="):
        return (found == wanted) == (operator == "==")
    if operator in (">=", "<"):
        return (found >= wanted) == (operator == ">=")
    return (found > wanted) == (operator == ">")


def _in_words(plugin: Installed, wanted: _Requirement, found: str | None) -> str:
    text = f"{wanted.name}{wanted.versions}"
    state = f"{found} is installed" if found else "it is not installed"
    fix = f"pip install '{text}'"
    if _is_core(wanted.name):
        fix = f"{fix} or another {plugin.distribution}"
    return faults.sentence(plugin, faults.IMPORT, f"requires {text}, and {state}", fix=fix)
