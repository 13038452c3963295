"""A model is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from smc_core.artifacts import error_in_a_line, export_note, write_into, write_whole


def write_folder(path: str) -> None:
    Path(path).mkdir()
    (Path(path) / "weights").write_text("learnt")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ValueError("the input of\n  layer 'dense' has\nno shape\n"),
            "ValueError: the input of layer 'dense' has no shape",
        ),
        (ValueError("x" * 400), f"ValueError: {'x' * 299}…"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_in_a_line(error: Exception, line: str) -> None:
    assert error_in_a_line(error) == line


def test_a_file_and_a_folder_replace_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "model" / "1"
    assert write_whole(str(target), lambda path: Path(path).write_text("a file")) == str(target)
    for _ in range(2):
        write_whole(str(target), write_folder)
        assert (target / "weights").read_text() == "learnt"
    write_whole(str(target), lambda path: Path(path).write_text("a file again"))
    assert target.read_text() == "a file again"
    assert [path.name for path in target.parent.iterdir()] == ["1"]


def test_a_write_of_nothing_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "1"
    write_folder(str(target))
    with pytest.raises(FileNotFoundError):
        write_whole(str(target), lambda path: None)
    assert (target / "weights").read_text() == "learnt"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_bare_name_and_a_name_with_a_slash_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_whole("model", write_folder) == write_whole("model/", write_folder) == str(tmp_path / "model")
    assert (tmp_path / "model" / "weights").read_text() == "learnt"


def test_a_link_to_a_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / "1").symlink_to("elsewhere")
    write_whole(str(tmp_path / "1"), write_folder)
    assert not (tmp_path / "1").is_symlink()
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "model.bin"
    target.write_text("whole")

    def fail(path: str) -> None:
        Path(path).write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_whole(str(target), fail)
    assert target.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_files_that_are_written_together(tmp_path: Path) -> None:
    for name in ("config.json", "own.txt"):
        (tmp_path / name).write_text("earlier")
    (tmp_path / "parts").mkdir()

    def write(folder: str) -> None:
        write_folder(f"{folder}/parts")
        Path(folder, "config.json").write_text("{}")

    write_into(str(tmp_path), write)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "own.txt", "parts"]
    assert [(tmp_path / name).read_text() for name in ("config.json", "own.txt", "parts/weights")] == [
        "{}",
        "earlier",
        "learnt",
    ]


def test_files_of_which_one_cannot_be_written(tmp_path: Path) -> None:
    def fail(folder: str) -> None:
        Path(folder, "config.json").write_text("{}")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_into(str(tmp_path), fail)
    assert list(tmp_path.iterdir()) == []


def missing() -> ImportError:
    try:
        import no_such_exporter.onnx  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (missing(), "serving export skipped: needs no_such_exporter (optional)"),
        (
            ImportError("This requires the tensorflow module. You can install it via `pip install tensorflow`"),
            "serving export skipped: needs tensorflow (optional)",
        ),
        (ImportError("DLL"), "serving export skipped: needs a package that is not installed (optional)"),
        (ValueError("no such op\nlong story"), "not exported for serving: ValueError: no such op long story"),
    ],
)
def test_a_copy_for_serving_that_was_not_written(error: Exception, said: str) -> None:
    assert export_note(error) == said
