"""Which backend a job gets, and what it is told where that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smc_core.errors import ConfigurationError
from smc_keras import backend


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that count as installed: a test adds what it wants."""
    names: set[str] = set()
    monkeypatch.setattr(backend, "is_installed", names.__contains__)
    return names


def write_keras_json(text: str) -> None:
    home = Path(os.environ["KERAS_HOME"])
    home.mkdir()
    (home / "keras.json").write_text(text)


@pytest.mark.parametrize(
    ("here", "chosen"),
    [
        ({"torch", "jax", "tensorflow"}, "tensorflow"),
        ({"torch", "jax"}, "jax"),
        ({"torch"}, "torch"),
        (set(), None),
    ],
)
def test_the_first_that_is_installed(installed: set[str], here: set[str], chosen: str | None) -> None:
    installed |= here
    assert backend.choose_backend() == chosen


def test_the_variable_wins(installed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed |= {"tensorflow", "jax", "torch"}
    write_keras_json('{"backend": "jax"}')
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert backend.choose_backend() == "torch"


def test_keras_json_goes_before_the_order(installed: set[str]) -> None:
    installed |= {"tensorflow", "jax", "torch"}
    write_keras_json('{"backend": "torch"}')
    assert backend.choose_backend() == "torch"


@pytest.mark.parametrize("text", ['{"backend": "tensorflow"}', "{", "[]", "{}", '{"backend": ""}'])
def test_keras_json_that_names_nothing_here_is_passed_over(installed: set[str], text: str) -> None:
    installed |= {"jax"}
    write_keras_json(text)
    assert backend.choose_backend() == "jax"


def test_keras_is_told(installed: set[str]) -> None:
    installed |= {"jax"}
    assert backend.use_backend() == "jax"
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_without_a_backend_keras_is_told_nothing(installed: set[str]) -> None:
    assert backend.use_backend() is None
    assert os.environ["KERAS_BACKEND"] == ""


def test_a_backend_that_is_not_installed(installed: set[str]) -> None:
    installed |= {"keras", "jax", "torch"}
    with pytest.raises(ConfigurationError) as caught:
        backend.check_backend({"KERAS_BACKEND": "theano"})
    assert str(caught.value) == (
        "variable KERAS_BACKEND is 'theano', which is not installed; Keras backends installed: jax, torch"
    )


@pytest.mark.parametrize("environ", [{}, {"KERAS_BACKEND": ""}, {"KERAS_BACKEND": "jax"}])
def test_a_backend_that_will_do(installed: set[str], environ: dict[str, str]) -> None:
    installed |= {"keras", "jax"}
    backend.check_backend(environ)


def test_a_job_without_keras_may_have_any_value(installed: set[str]) -> None:
    backend.check_backend({"KERAS_BACKEND": "theano"})


def test_a_folder_that_has_the_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theano").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not backend.is_installed("theano")
    (tmp_path / "theano" / "__init__.py").touch()
    assert backend.is_installed("theano")


@pytest.mark.parametrize("name", ["", "a.b", "no such"])
def test_what_is_no_name_is_not_installed(name: str) -> None:
    assert not backend.is_installed(name)
