"""The lower level for a framework's own function: bring code, install, import, log metrics."""

import re
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smc_core import modules
from smc_core.errors import CodeError


@pytest.fixture(autouse=True)
def _fresh_imports() -> Iterator[None]:
    """A test leaves neither modules nor folders on the path behind."""
    path, loaded = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["pkg_a.train", "pkg_a/train", "pkg_a/train.py"])
def test_import_module_by_name_and_by_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "pkg_a").mkdir()
    (tmp_path / "pkg_a/train.py").write_text("VALUE = 7\n")
    module = modules.import_module(name, tmp_path)
    assert (module.VALUE, module.__name__) == (7, "pkg_a.train")


def test_a_file_whose_name_is_no_identifier(tmp_path: Path) -> None:
    (tmp_path / "my-train.py").write_text("VALUE = 7\n")
    assert modules.import_module("my-train.py", tmp_path).VALUE == 7


def test_an_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "absolute_train.py").write_text("import neighbour\nVALUE = neighbour.VALUE\n")
    (tmp_path / "neighbour.py").write_text("VALUE = 7\n")
    assert modules.import_module(str(tmp_path / "absolute_train.py")).VALUE == 7


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CodeError, match="there is no module 'absent_train' in"):
        modules.import_module("absent_train.py", tmp_path)


def test_what_a_module_lacks_is_not_taken_for_the_module(tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text("import lacking_a_dependency\n")
    with pytest.raises(ModuleNotFoundError, match="lacking_a_dependency"):
        modules.import_module("lacking", tmp_path)


def test_a_name_of_the_standard_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("VALUE = 7\n")
    with pytest.raises(CodeError, match=r"json\.py cannot be imported: a module 'json' is loaded from"):
        modules.import_module("json.py", tmp_path)


def test_a_file_that_fails_is_not_left_half_imported(tmp_path: Path) -> None:
    (tmp_path / "half-way.py").write_text("raise RuntimeError('boom')\n")
    with pytest.raises(RuntimeError, match="boom"):
        modules.import_module("half-way.py", tmp_path)
    assert "half-way" not in sys.modules


def test_download_and_import_a_folder_and_an_archive(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "seed_train.py").write_text("VALUE = 7\n")
    assert modules.download_and_import(str(source), "seed_train").VALUE == 7
    sys.path.remove(str(source))
    del sys.modules["seed_train"]
    with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as archive:
        archive.add(source / "seed_train.py", "seed_train.py")
    module = modules.download_and_import(str(tmp_path / "sourcedir.tar.gz"), "seed_train", tmp_path / "code")
    assert module.__file__ == str(tmp_path / "code/seed_train.py")


def test_metrics_are_lines_that_a_regular_expression_can_read() -> None:
    lines: list[str] = []
    came = threading.Event()

    def log(line: str) -> None:
        lines.append(line)
        came.set()

    ended = modules.start_metrics(0.01, log)
    assert came.wait(30)
    ended.set()
    found = re.fullmatch(
        r"metrics cpu_percent=([\d.]+) memory_percent=([\d.]+) memory_bytes=(\d+) disk_percent=([\d.]+)", lines[0]
    )
    assert found is not None
    assert int(found[3]) > 1_000_000
