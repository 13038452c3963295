"""Which requirements are not satisfied by the installed distributions, including their own requirements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from smc_core.code.needs.simple import Simple, read_simple

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from smc_core.code.needs.requirements import Line, Requirements
    from smc_core.distributions import Distribution, Distributions

_LONGEST_MARKER = 10_000
_GROUP = re.compile(r"\([^()]*\)")


def unmet(requirements: Requirements, installed: Distributions) -> list[Line]:
    """The lines that are not satisfied by the installed distributions, including their own requirements.

    A line that cannot be evaluated (a folder, a branch of a repository) counts as not satisfied.
    """
    constraints = [line.text for line in requirements.constraints]
    check = _Check(installed, constraints)
    return [line for line in requirements.lines if line.editable or not check.is_met(line.text)]


def parse(text: str) -> Requirement | None:
    """Parse a requirement; None for what the standard does not allow: a path, or a URL without a name."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError):  # a number of 5,000 digits, brackets without end
        return None


def permits(requirement: Requirement, found: Distribution) -> bool:
    """Whether a requirement permits the installed version; pre-releases count, too."""
    try:
        return requirement.specifier.contains(found.version, prereleases=True)
    except ValueError:  # not a version, or one of 5,000 digits
        return False


def applies(requirement: Requirement, extras: Iterable[str] = ("",)) -> bool:
    """Whether a requirement's conditions hold for one of the extras; conditions that cannot be evaluated do."""
    marker = requirement.marker
    try:
        return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
    except (ValueError, RecursionError):
        return True


class _Check:
    """Evaluates requirements, each only once."""

    def __init__(self, installed: Distributions, constraints: Iterable[str] = ()) -> None:
        self._installed = installed
        self._met: dict[tuple[str, frozenset[str]], bool] = {}
        self._constraints: dict[str, list[Requirement]] = {}
        if constraints:
            from smc_core.distributions import normalize

            for text in constraints:
                constraint = parse(text)
                if constraint is not None and applies(constraint):
                    self._constraints.setdefault(normalize(constraint.name), []).append(constraint)

    def is_met(self, text: str, extras: Iterable[str] = ("",)) -> bool:
        """Whether a requirement is satisfied; ``extras`` are those of the distribution that has it."""
        if extras == ("",) and not self._constraints:
            simple = read_simple(text)
            answer = None if simple is None else self._is_simple_met(simple)
            if answer is not None:
                return answer
        requirement = parse(text)
        if requirement is None:
            return self._is_wheel_there(text)
        if not applies(requirement, extras):
            return True
        found = self._installed.get(requirement.name)
        if found is None or not self._is_allowed(requirement, found):
            return False
        if requirement.url is not None and not _is_from(found, requirement.url):
            return False
        return self._are_needs_met(found, frozenset(requirement.extras))

    def _is_simple_met(self, requirement: Simple) -> bool | None:
        if not requirement.applies:
            return True
        found = self._installed.get(requirement.name)
        if found is None:
            return False
        permitted = requirement.permits(found.version)
        return self._are_needs_met(found, frozenset()) if permitted else permitted

    def _is_allowed(self, requirement: Requirement, found: Distribution) -> bool:
        from smc_core.distributions import normalize

        constraints = self._constraints.get(normalize(requirement.name), ())
        return all(permits(one, found) for one in (requirement, *constraints))

    def _are_needs_met(self, found: Distribution, extras: frozenset[str]) -> bool:
        key = found.folder, extras
        if key not in self._met:
            self._met[key] = True  # for now: distributions may require each other in a circle
            candidates = found.requires if extras else [text for text in found.requires if not _is_extra(text)]
            self._met[key] = all(self.is_met(text, extras or ("",)) for text in candidates)
        return self._met[key]

    def _is_wheel_there(self, text: str) -> bool:
        name = _wheel_name(text) if "://" in text else None
        found = self._installed.get(name) if name else None
        return found is not None and _is_from(found, text) and self._are_needs_met(found, frozenset())


def _wheel_name(url: str) -> str | None:
    """The name of the distribution in a wheel at a URL; None for anything else."""
    name, suffix, _ = re.split(r"[#?]", url, maxsplit=1)[0].rpartition("/")[2].rpartition(".whl")
    parts = name.split("-")
    return parts[0] if suffix and len(parts) in (5, 6) and all(parts) else None


def _is_extra(text: str) -> bool:
    """Whether a requirement is only for an extra; quicker than evaluating the whole marker."""
    _, _, marker = text.partition(";")
    outer, groups = marker, int(len(marker) <= _LONGEST_MARKER)
    while groups:
        outer, groups = _GROUP.subn("", outer)
    return "extra ==" in outer and " or " not in outer


def _is_from(found: Distribution, url: str) -> bool:
    """Whether a distribution was installed from exactly this URL: an archive, or a repository at a fixed commit."""
    origin = found.origin
    plain = url.partition("#")[0]
    commit = origin.get("vcs_info", {}).get("commit_id")
    if commit:
        return plain == f"{origin['vcs_info'].get('vcs')}+{origin.get('url')}@{commit}"
    return "archive_info" in origin and origin.get("url") == plain
