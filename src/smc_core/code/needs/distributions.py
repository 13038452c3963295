"""What is installed in this interpreter, read from the names and metadata that lie in ``sys.path``, quickly."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_SEPARATORS = re.compile(r"[-_.]+")
_HEADER = re.compile(r"(Name|Version|Requires-Dist):\s*(.*)")


def normalize(name: str) -> str:
    """A distribution's name as two spellings of it compare: ``Foo_Bar`` is ``foo-bar``."""
    return _SEPARATORS.sub("-", name).lower()


@dataclass(frozen=True)
class Distribution:
    """One that is installed.

    Attributes:
        name: as its metadata spells it.
        version: its version.
        requires: its own requirements, one text each.
        folder: where its metadata lies.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    folder: str = field(repr=False)

    @property
    def origin(self) -> dict[str, Any]:
        """``direct_url.json``: the URL or folder that it was installed from; empty for one from an index."""
        import json

        with contextlib.suppress(OSError, ValueError), open(os.path.join(self.folder, "direct_url.json")) as file:
            found = json.load(file)
            return found if isinstance(found, dict) else {}
        return {}


class Distributions:
    """All that is installed, found by name.

    Args:
        path: the folders to look in, by default ``sys.path``; the first that has a name counts.

    """

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._places: dict[str, str] = {}
        self._read: dict[str, Distribution | None] = {}
        for folder in sys.path if path is None else path:
            with contextlib.suppress(OSError):
                self._scan(folder or os.curdir)

    def get(self, name: str) -> Distribution | None:
        """The distribution of a name, in any spelling; None where there is none."""
        name = normalize(name)
        if name not in self._read:
            place = self._places.get(name)
            self._read[name] = None if place is None else _read(place)
        return self._read[name]

    def names(self) -> list[str]:
        """The names of all, normalized."""
        return list(self._places)

    def installed_from(self, folder: str) -> Distribution | None:
        """The distribution that was installed from a local folder, as its ``direct_url.json`` says."""
        from urllib.parse import unquote, urlsplit

        for name, place in self._places.items():
            if os.path.isfile(os.path.join(place, "direct_url.json")):
                found = self.get(name)
                url = urlsplit(str(found.origin.get("url", ""))) if found is not None else None
                if url is not None and url.scheme == "file" and os.path.realpath(unquote(url.path)) == folder:
                    return found
        return None

    def _scan(self, folder: str) -> None:
        for entry in os.listdir(folder):
            stem, suffix = os.path.splitext(entry)
            if suffix in (".dist-info", ".egg-info"):
                self._places.setdefault(normalize(stem.partition("-")[0]), os.path.join(folder, entry))


def _read(place: str) -> Distribution | None:
    """Read a distribution's metadata: the head of ``METADATA``, which is all that matters here."""
    facts: dict[str, list[str]] = {"Name": [], "Version": [], "Requires-Dist": []}
    try:
        with open(os.path.join(place, "METADATA"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if line == "\n":
                    break
                if found := _HEADER.match(line):
                    facts[found.group(1)].append(found.group(2).strip())
    except OSError:
        return _read_slowly(place)
    if not facts["Name"] or not facts["Version"]:
        return None
    return Distribution(facts["Name"][0], facts["Version"][0], tuple(facts["Requires-Dist"]), place)


def _read_slowly(place: str) -> Distribution | None:
    """Read one in the old ``egg-info`` format."""
    import importlib.metadata
    import pathlib

    found = importlib.metadata.Distribution.at(pathlib.Path(place))
    name, version = found.metadata["Name"], found.metadata["Version"]
    return Distribution(name, version, tuple(found.requires or ()), place) if name and version else None
