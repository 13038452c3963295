"""Slurm's lists of hosts: ``gpu-[01-02,07]-ib,rack[1-2]node[1-3]``."""

from __future__ import annotations

import itertools

from smc_core.platforms.base import MOST_HOSTS

_MOST_CHARACTERS = 1_000_000


def expanded(text: str) -> list[str]:
    """The hosts of a list, in its order, as ``scontrol show hostnames`` prints them.

    Args:
        text: the list.

    Raises:
        ValueError: it is malformed, or names too many hosts.

    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError("longer than a list of hosts can be")
    found: list[str] = []
    for pattern in _split(text):
        parts = list(_parts(pattern))
        total = len(found)
        size = 1
        for part in parts:
            size *= len(part)
            if total + size > MOST_HOSTS:
                raise ValueError(f"more than {MOST_HOSTS:,} hosts")
        found += ["".join(choice) for choice in itertools.product(*parts)]
    return found


def _split(text: str) -> list[str]:
    """The patterns between the commas that are in no brackets."""
    patterns, begin, inside = [], 0, False
    for position, character in enumerate(text):
        if character in "[]":
            if inside == (character == "["):
                raise ValueError(f"bracket out of place at character {position + 1}")
            inside = not inside
        elif character == "," and not inside:
            patterns.append(text[begin:position])
            begin = position + 1
    if inside:
        raise ValueError("a bracket is not closed")
    patterns.append(text[begin:])
    if not all(patterns):
        raise ValueError("a name is empty")
    return patterns


def _parts(pattern: str) -> list[list[str]]:
    """The alternatives of each part of a pattern, literal parts having one."""
    parts = []
    while pattern:
        literal, bracket, rest = pattern.partition("[")
        if literal:
            parts.append([literal])
        if bracket:
            ranges, _, rest = rest.partition("]")
            parts.append([number for each in ranges.split(",") for number in _range(each)])
        pattern = rest
    return parts


def _range(text: str) -> list[str]:
    """The numbers of ``01-12`` or ``7``, with leading zeros as in the first."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not all(each.isascii() and each.isdecimal() and len(each) < 10 for each in (first, last)):
        raise ValueError(f"{text!r} is not a range of numbers")
    begin, end = int(first), int(last)
    if not begin <= end < begin + MOST_HOSTS:
        raise ValueError(f"{text!r} is not an ascending range of at most {MOST_HOSTS:,} numbers")
    return [str(number).zfill(len(first)) for number in range(begin, end + 1)]
