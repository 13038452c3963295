"""Plugins are found by the metadata of what is installed, and alike on every Python.

Folders of metadata are read without the metadata interface, which takes long to import. What is found is held against
the interface, wherever that has an answer.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smc_core import metadata
from smc_core.distributions import Distributions
from smc_core.errors import PluginConflictError, PluginLoadError
from smc_core.plugins import GROUP, installed
from smc_core.testing import JobFolder

POINTS = f"[console_scripts]\nlines = lines:main\n[{GROUP}]\nlines = smc_lines.plugin\n"
HEAD = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
LINES = ("lines", "smc-lines", "1.0", "smc_lines.plugin")


def put(
    site: Path,
    folder: str = "smc_lines-1.0.dist-info",
    *,
    name: str = "smc-lines",
    version: str = "1.0",
    points: str = POINTS,
    more: str = "",
    head: str | None = None,
) -> Path:
    """Metadata as an installer leaves it; returns its folder."""
    place = site / folder
    place.mkdir(parents=True)
    kind = "PKG-INFO" if folder.lower().endswith("egg-info") else "METADATA"
    text = HEAD.format(name=name, version=version) + more if head is None else head
    if text:
        (place / kind).write_text(text + "\nName: no field, but its description\n", encoding="utf-8")
    if points:
        (place / "entry_points.txt").write_text(points, encoding="utf-8")
    return place


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, ...]]]:
    """What is found in folders: name, distribution, version and value of each entry point."""
    rest = sys.path

    def find(*path: Path, as_the_interface: bool = True) -> list[tuple[str, ...]]:
        monkeypatch.setattr(sys, "path", [*map(str, path), *rest])
        ours = [(each.name, each.distribution, each.version, each.entry_point) for each in installed({})]
        if as_the_interface:
            points: list[Any] = list(metadata.entry_points(group=GROUP))
            theirs = [(each.name, each.dist.name, each.dist.version, each.value) for each in points]
            assert ours == sorted(theirs)
        return ours

    return find


Found = Callable[..., list[tuple[str, ...]]]


def test_a_plugin_with_all_that_is_asked_about_it(tmp_path: Path, found: Found) -> None:
    put(tmp_path, more="Requires-Dist: smc-core<0.2,>=0.1\nRequires-Dist: lines>=2; extra == 'framework'\n")
    assert found(tmp_path) == [LINES]
    assert installed({})[0].requires == ("smc-core<0.2,>=0.1", "lines>=2; extra == 'framework'")


def test_what_is_no_plugin_is_not_found(tmp_path: Path, found: Found) -> None:
    put(tmp_path, "other-1.0.dist-info", name="other", points="[other.plugins]\nsmc.plugins = other\n")
    put(tmp_path, "bare-1.0.dist-info", name="bare", points="")
    (tmp_path / "smc_lines").mkdir()
    assert found(tmp_path, tmp_path / "gone") == []


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ("lines = smc_lines", ["smc_lines"]),
        ("lines=smc_lines.plugin:LINES", ["smc_lines.plugin:LINES"]),
        ("lines = smc_lines.plugin:a.b [fast,gpu]", ["smc_lines.plugin:a.b [fast,gpu]"]),
        ("# lines = smc_old\n\n   lines   =   smc_lines  \r\n", ["smc_lines"]),
        ("lines = smc_lines\n[other]\nlines = other\n", ["smc_lines"]),
        ("b = smc_b\na = smc_a", ["smc_a", "smc_b"]),
        ("", []),
    ],
)
def test_the_lines_of_a_section(points: str, values: list[str], tmp_path: Path, found: Found) -> None:
    put(tmp_path, points=f"[{GROUP}]\n{points}")
    assert [value for *_, value in found(tmp_path)] == values


def test_of_two_of_one_name_the_first_in_the_path_counts(tmp_path: Path, found: Found) -> None:
    put(tmp_path / "front", "SMC_lines-2.0.dist-info", version="2.0", points=f"[{GROUP}]\nlines = smc_lines.new\n")
    put(tmp_path / "back", "smc.lines-1.0.dist-info")
    assert found(tmp_path / "front", tmp_path / "back") == [("lines", "smc-lines", "2.0", "smc_lines.new")]


def test_a_first_that_is_no_plugin_hides_a_second_that_is_one(tmp_path: Path, found: Found) -> None:
    put(tmp_path / "front", version="2.0", points="")
    put(tmp_path / "back")
    assert found(tmp_path / "front", tmp_path / "back") == []


def test_a_folder_that_is_in_the_path_twice(tmp_path: Path, found: Found) -> None:
    put(tmp_path)
    assert found(tmp_path, tmp_path) == [LINES]


def test_two_distributions_that_name_a_plugin_alike(tmp_path: Path, found: Found) -> None:
    put(tmp_path)
    put(tmp_path, "more_lines-3.dist-info", name="more-lines", version="3")
    with pytest.raises(PluginConflictError, match=r"'lines': lines \(more-lines 3, .*\) and lines \(smc-lines 1\.0, "):
        found(tmp_path)


def test_what_pip_has_set_aside_is_no_plugin(tmp_path: Path, found: Found) -> None:
    """A pip that was broken off leaves the old version below a name that begins with ``~``."""
    put(tmp_path)
    put(tmp_path, "~mc_lines-0.9.dist-info", version="0.9")
    assert found(tmp_path, as_the_interface=False) == [LINES]


@pytest.mark.parametrize(
    ("head", "distribution", "version"),
    [("", "smc_lines", "1.0"), ("Metadata-Version: 2.1\n", "smc_lines", "1.0"), ("Name: lines\n", "smc_lines", "1.0")],
    ids=["no file", "no name", "no version"],
)
def test_broken_metadata_is_made_up_for_by_the_name_of_its_folder(
    head: str, distribution: str, version: str, tmp_path: Path, found: Found
) -> None:
    put(tmp_path, head=head)
    assert found(tmp_path, as_the_interface=False) == [("lines", distribution, version, "smc_lines.plugin")]


def test_what_says_nothing_at_all_is_found_too(tmp_path: Path, found: Found) -> None:
    put(tmp_path, "lines.dist-info", head="")
    assert found(tmp_path, as_the_interface=False) == [("lines", "lines", "?", "smc_lines.plugin")]


def test_an_update_that_was_broken_off_hides_nothing(tmp_path: Path, found: Found) -> None:
    """An installer removes the files of the old metadata one by one, and its folder last."""
    put(tmp_path, "smc_lines-0.9.dist-info", head="", points="")
    put(tmp_path)
    assert found(tmp_path, as_the_interface=False) == [LINES]
    assert getattr(Distributions().get("smc-lines"), "version", None) == "1.0"


def test_metadata_that_is_no_utf_8(tmp_path: Path, found: Found) -> None:
    place = put(tmp_path)
    (place / "METADATA").write_bytes(HEAD.format(name="smc-lines", version="1.0").encode() + b"Author: J\xfcrgen\n")
    assert found(tmp_path, as_the_interface=False) == [LINES]


def test_a_line_that_names_no_module_is_the_plugins_fault(tmp_path: Path, found: Found) -> None:
    put(tmp_path, points=f"[{GROUP}]\nlines\n")
    assert found(tmp_path, as_the_interface=False) == [("lines", "smc-lines", "1.0", "")]
    with pytest.raises(PluginLoadError, match=r"lines \(smc-lines 1\.0\), import: its entry point '' is neither"):
        installed({})[0].load()


def test_an_old_distribution(tmp_path: Path, found: Found) -> None:
    """``setup.py develop`` links a folder with an ``.egg-info`` into the path."""
    place = put(tmp_path, "smc_lines.egg-info")
    (place / "requires.txt").write_text("smc-core>=0.1\n\n[framework]\nlines>=2\n")
    assert found(tmp_path) == [LINES]
    assert installed({})[0].requires == ("smc-core>=0.1", 'lines>=2; extra == "framework"')


def test_an_egg(tmp_path: Path, found: Found) -> None:
    egg = tmp_path / "smc_lines-1.0-py3.egg"
    put(egg, "EGG-INFO")
    assert found(egg) == [LINES]


def test_an_archive_in_the_path(tmp_path: Path, found: Found) -> None:
    put(tmp_path / "content")
    with zipfile.ZipFile(tmp_path / "plugins.zip", "w") as archive:
        for path in (tmp_path / "content").rglob("*"):
            archive.write(path, path.relative_to(tmp_path / "content"))
    assert found(tmp_path / "plugins.zip") == [LINES]


def test_a_file_in_the_path_that_is_no_archive(tmp_path: Path, found: Found) -> None:
    (tmp_path / "file").write_text("no archive")
    assert found(tmp_path / "file") == []


def test_an_importer_that_brings_its_own(tmp_path: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of programs that carry all that they need in a file of their own do."""
    place = put(tmp_path / "elsewhere")

    class Importer:
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, context: Any) -> Iterator[metadata.Distribution]:
            if context.name in (None, "smc-lines"):
                yield metadata.Distribution.at(place)

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Importer()])
    assert found(tmp_path / "empty") == [LINES]


EDITABLE = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "smc-lines"
version = "1.0"
[project.entry-points."smc.plugins"]
lines = "smc_lines.plugin"
[tool.hatch.build.targets.wheel]
packages = ["smc_lines"]
[tool.hatch.build]
dev-mode-dirs = ["."]
"""


def test_an_editable_install(tmp_path: Path, job: JobFolder) -> None:
    """Its package is not where its metadata is."""
    source = tmp_path / "source"
    (source / "smc_lines").mkdir(parents=True)
    (source / "smc_lines/plugin.py").write_text("from smc_core import hookimpl\n\n@hookimpl\ndef train(): ...\n")
    (source / "pyproject.toml").write_text(EDITABLE)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    place = ["--target", str(tmp_path / "site"), "--editable", str(source)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *place], check=True)
    job.code(train_py="")
    path = f"{tmp_path / 'site'}:{source}"  # the second is what its .pth file adds in site-packages
    ended = job.run("train.py", PYTHONPATH=path)
    assert "plugins: lines 1.0" in ended.stderr
