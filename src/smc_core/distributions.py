"""Quickly reads which distributions are installed, from the folders of metadata in ``sys.path``.

Every job needs the installed plugins, and importing the metadata interface takes longer than everything else in the
preparation of an empty job. So the folders are read here, by the rules of that interface: of two distributions with the
same name, the first in ``sys.path`` counts. Anything but a plain ``.dist-info`` folder is left to the interface itself
(:mod:`smc_core.metadata`): old ``.egg-info``, archives in ``sys.path``, other importers.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from smc_core import metadata

UNKNOWN = "?"
"""Stands for an unknown version."""
_SEPARATORS = re.compile(r"[-_.]+")
_DIST_INFO = ".dist-info"
_INFO = (_DIST_INFO, ".egg-info")
_LEFT_OVER = "~"
"""First character of folders that pip has set aside; they are left behind if pip is interrupted."""
_KNOWN_IMPORTERS = ("_frozen_importlib_external", "importlib_metadata")
"""Modules whose importers find only what is in ``sys.path``."""
_NOWHERE = os.path.join(os.devnull, "")


def normalize(name: str) -> str:
    """A distribution's name in its normal spelling, for comparison: ``Foo_Bar`` is ``foo-bar``."""
    return _SEPARATORS.sub("-", name).lower()


class Distribution(NamedTuple):
    """An installed distribution.

    Attributes:
        name: its name, as its metadata spells it.
        version: its version.
        requires: its own requirements, one text each.
        folder: the folder of its metadata; a path that does not exist if that is in an archive.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    folder: str

    @property
    def origin(self) -> dict[str, Any]:
        """``direct_url.json``: the URL or folder that it was installed from; empty for one from an index."""
        import json

        with contextlib.suppress(OSError, ValueError), open(os.path.join(self.folder, "direct_url.json")) as file:
            found = json.load(file)
            return found if isinstance(found, dict) else {}
        return {}


class EntryPoint(NamedTuple):
    """One line of a distribution's ``entry_points.txt``.

    Attributes:
        name: the part before ``=``; the whole line if there is none.
        value: the part after it: ``package.module:object [extra]``; empty if there is none.
        distribution: the distribution that it belongs to.
    """

    name: str
    value: str
    distribution: Distribution


class Distributions:
    """All installed distributions, by name.

    Args:
        path: the folders to look in, by default ``sys.path``; the first with a name counts.

    """

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._places: dict[str, list[_Folder | _Obtained]] = {}
        self._read: dict[str, Distribution | None] = {}
        for folder in dict.fromkeys(sys.path if path is None else path):
            self._scan(folder or os.curdir)
        if path is None:
            self._ask_importers()

    def get(self, name: str) -> Distribution | None:
        """The distribution of a name, in any spelling; None if there is none, or its metadata cannot be read."""
        name = normalize(name)
        if name not in self._read:
            read = (place.read() for place in self._places.get(name, ()))
            self._read[name] = next((found for found in read if found is not None), None)
        return self._read[name]

    def names(self) -> list[str]:
        """The names of all distributions, normalized."""
        return list(self._places)

    def entry_points(self, group: str) -> Iterator[EntryPoint]:
        """The entry points of a group, in no particular order.

        Args:
            group: its name, such as ``smc.plugins``.

        """
        for name, places in self._places.items():
            texts = [place.text("entry_points.txt") for place in places]
            if not any(group in text for text in texts):
                continue
            read = [place.read() for place in places]
            counts = next((n for n, found in enumerate(read) if found is not None), 0)
            found = read[counts] or places[counts].guess(name)
            yield from (EntryPoint(*pair, found) for pair in _section(texts[counts], group))

    def installed_from(self, folder: str) -> Distribution | None:
        """The distribution that was installed from a local folder, according to its ``direct_url.json``."""
        from urllib.parse import unquote, urlsplit

        for name, places in self._places.items():
            if any(place.text("direct_url.json") for place in places):
                found = self.get(name)
                url = urlsplit(str(found.origin.get("url", ""))) if found is not None else None
                if url is not None and url.scheme == "file" and os.path.realpath(unquote(url.path)) == folder:
                    return found
        return None

    def bringing(self, package: str) -> Iterator[Distribution]:
        """The distributions that bring an import package, as their ``top_level.txt`` says, or else their ``RECORD``."""
        named = self._with(lambda place: package in place.text("top_level.txt").split())
        # Not every build backend writes top_level.txt. RECORD is long, so it is read only if that does not help.
        yield from named or self._with(lambda place: _holds(place.text("RECORD"), package))

    def _with(self, test: "Callable[[_Folder | _Obtained], bool]") -> list[Distribution]:
        names = [name for name, places in self._places.items() if any(map(test, places))]
        return [found for name in names if (found := self.get(name)) is not None]

    def _add(self, name: str, place: "_Folder | _Obtained") -> None:
        self._places.setdefault(normalize(name), []).append(place)

    def _scan(self, folder: str) -> None:
        try:
            entries = os.listdir(folder)
        except NotADirectoryError:
            from smc_core import metadata

            self._add_brought(metadata.Distribution.discover(path=[folder]))
            return
        except OSError:
            return
        is_egg = folder.lower().endswith(".egg")
        for entry in entries:
            if entry.lower().endswith(_INFO) and not entry.startswith(_LEFT_OVER):
                self._add(os.path.splitext(entry)[0].partition("-")[0], _Folder(os.path.join(folder, entry)))
            elif is_egg and entry.lower() == "egg-info":
                self._add(os.path.basename(folder).partition("-")[0], _Folder(os.path.join(folder, entry)))

    def _ask_importers(self) -> None:
        """Add the distributions of importers other than Python's own and the backport's."""
        for importer in sys.meta_path:
            home = getattr(importer, "__module__", None) or ""
            if hasattr(importer, "find_distributions") and home.rpartition(".")[2] not in _KNOWN_IMPORTERS:
                from smc_core.metadata import DistributionFinder

                context = DistributionFinder.Context()  # type: ignore[no-untyped-call]
                self._add_brought(importer.find_distributions(context))

    def _add_brought(self, brought: Iterable["metadata.Distribution"]) -> None:
        for each in brought:
            place = _Obtained(each)
            found = place.read()
            if found is not None:
                self._add(found.name, place)


class _Folder:
    """A folder of metadata, or an old file of it, in a folder of ``sys.path``."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def text(self, file: str) -> str:
        """The content of one of its files; empty if there is none."""
        try:
            with open(os.path.join(self.path, file), encoding="utf-8", errors="replace") as opened:
                return opened.read()
        except OSError:
            return ""

    def read(self) -> Distribution | None:
        """The distribution; None if its name and version are unknown."""
        if not self.path.lower().endswith(_DIST_INFO):
            import pathlib

            from smc_core import metadata

            return _of_interface(metadata.Distribution.at(pathlib.Path(self.path)), self.path)
        facts: dict[str, list[str]] = {"Name": [], "Version": [], "Requires-Dist": []}
        with (
            contextlib.suppress(OSError),
            open(os.path.join(self.path, "METADATA"), encoding="utf-8", errors="replace") as file,
        ):
            for line in file:
                if line == "\n":  # the end of the headers; the long description follows
                    break
                field, _, value = line.partition(":")
                if field in facts:
                    facts[field].append(value.strip())
        if not facts["Name"] or not facts["Version"]:
            return None
        return Distribution(facts["Name"][0], facts["Version"][0], tuple(facts["Requires-Dist"]), self.path)

    def guess(self, name: str) -> Distribution:
        """Name and version from the folder's name, for a distribution whose metadata cannot be read."""
        spelt, *more = os.path.splitext(os.path.basename(self.path))[0].split("-")
        return Distribution(spelt or name, more[0] if more else UNKNOWN, (), self.path)


class _Obtained:
    """A distribution that the metadata interface, or an importer, has found elsewhere."""

    __slots__ = ("_found",)

    def __init__(self, found: "metadata.Distribution") -> None:
        self._found = found

    def text(self, file: str) -> str:
        """The content of one of its files; empty if there is none."""
        return self._found.read_text(file) or ""

    def read(self) -> Distribution | None:
        """The distribution; None if its name and version are unknown."""
        return _of_interface(self._found, _NOWHERE)

    def guess(self, name: str) -> Distribution:
        """What is known about a distribution whose metadata cannot be read."""
        return Distribution(name, UNKNOWN, (), _NOWHERE)


def _of_interface(found: "metadata.Distribution", folder: str) -> Distribution | None:
    try:
        head = found.metadata
        name, version, requires = head.get("Name"), head.get("Version"), tuple(found.requires or ())
    except (OSError, ValueError):  # no such file, or none that is text
        return None
    return Distribution(name, version, requires, folder) if name and version else None


def _holds(record: str, package: str) -> bool:
    """Whether a ``RECORD`` lists a package: a folder, or a module in one file."""
    return any(f"\n{package}{end}" in f"\n{record}" for end in ("/", ".py,"))


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    """The lines of a section of an ``entry_points.txt``, split at ``=``."""
    current = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            current = line.strip("[]")
        elif line and not line.startswith("#") and current == group:
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
