"""Which symbolic links of an archive stay inside its folder, and how to write them so that they certainly do."""

from __future__ import annotations

import re
from collections.abc import Mapping

Parts = tuple[str, ...]

_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_LINKS = 40
"""Links that one path may pass, as for Linux."""
_DEEPEST = 200
"""Depth that a path may reach: more than an archive has. The time for a step grows with the depth."""
_MOST_STEPS = 1_000_000
"""Steps along all links of an archive together; links that are undecided by then are treated as leading outside."""


class Links:
    """The symbolic links of one archive; its folder contains no others.

    A target that climbs first (``../..``), at most up to the folder itself, and then only descends, is safe: from a
    real folder inside, such a path stays inside, even through further links of the same kind, and however the file
    system treats letter cases. It is kept unchanged. Any other target is resolved as the kernel would, through the
    other links; if it stays inside, it is written in the safe form.

    Args:
        links: targets by the paths of the links.

    """

    def __init__(self, links: Mapping[Parts, str]) -> None:
        self._links = links
        self._steps_left = _MOST_STEPS

    def inside(self) -> dict[Parts, str]:
        """The links that stay inside, with the targets to write."""
        found = {}
        for parts, target in self._links.items():
            safe = self._safe(parts[:-1], target)
            if safe is not None:
                found[parts] = safe
        return found

    def _safe(self, folder: Parts, target: str) -> str | None:
        if "\\" in target or target.startswith("/") or _DRIVE.match(target):
            return None
        steps = _steps(target)
        climbs = next((index for index, step in enumerate(steps) if step != ".."), len(steps))
        if ".." not in steps[climbs:]:
            return target if climbs <= len(folder) else None
        place = self._follow(folder, steps)
        return None if place is None else _relative(place, folder)

    def _follow(self, folder: Parts, steps: list[str]) -> Parts | None:
        """Where a path leads; None for outside, or if it cannot be resolved. A missing component counts as a folder."""
        place, left = folder, list(reversed(steps))
        passed = 0
        while left:
            self._steps_left -= 1
            if self._steps_left < 0 or len(place) > _DEEPEST:
                return None
            step = left.pop()
            if step == "..":
                if not place:
                    return None
                place = place[:-1]
                continue
            target = self._links.get((*place, step)) if left else None  # the last component may be a link
            if target is None:
                place = (*place, step)
                continue
            passed += 1
            if passed > _MOST_LINKS or target.startswith("/"):
                return None
            left += reversed(_steps(target))
        return place


def _steps(target: str) -> list[str]:
    return [step for step in target.split("/") if step not in ("", ".")]


def _relative(place: Parts, folder: Parts) -> str:
    common = 0
    while common < min(len(place), len(folder)) and place[common] == folder[common]:
        common += 1
    return "/".join([*[".."] * (len(folder) - common), *place[common:]]) or "."
