"""Settings: read from a variable, else from a hyperparameter, else their default; what has not their form is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core import settings
from smc_core.errors import ConfigurationError
from smc_core.provenance import Source
from smc_core.settings import Choice, Count, Flag, Names, Seconds, Setting, Text

PATIENCE = Seconds("SMC_PATIENCE", "how long to wait", 30.0)
FILES = Count("SMC_FILES", "how many files", 10, most=99, unit="files", param="sagemaker_files")
COLOUR = Flag("SMC_COLOUR", "whether to use colours", default=True)
STYLE = Choice("SMC_STYLE", "how it looks", ("plain", "rich"), "plain")
SKIPPED = Names("SMC_SKIP", "what to skip")
PLACE = Text("SMC_PLACE", "where")


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (PATIENCE, "0.5", 0.5),
        (PATIENCE, " 7 ", 7.0),
        (FILES, "1_0", 10),
        (COLOUR, "No", False),
        (COLOUR, "on", True),
        (STYLE, "RICH", "rich"),
        (SKIPPED, " a, ,b,", ["a", "b"]),
        (PLACE, " here ", "here"),
    ],
)
def test_a_variable_sets_it(setting: Setting, text: str, value: object) -> None:
    assert setting.of({setting.name: text}) == value
    assert setting.source({setting.name: text}) == Source("variable", setting.name)


@pytest.mark.parametrize(
    ("setting", "value"),
    [(PATIENCE, 30.0), (FILES, 10), (COLOUR, True), (STYLE, "plain"), (SKIPPED, []), (PLACE, None)],
)
@pytest.mark.parametrize("environ", [{}, "empty"])
def test_an_empty_variable_is_none(setting: Setting, value: object, environ: object) -> None:
    assert setting.of({setting.name: " "} if environ else {}) == value
    assert setting.source({}) == Source("default")


def test_a_variable_wins_over_its_hyperparameter() -> None:
    params = {"sagemaker_files": "7"}
    assert (FILES.of({}, params), FILES.source({}, params)) == (7, Source("hyperparameter", "sagemaker_files"))
    assert FILES.of({"SMC_FILES": "8"}, params) == 8


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e12"])
def test_seconds_that_are_none(text: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"variable SMC_PATIENCE is '{text}', not a number of seconds, such as 30"
    ):
        PATIENCE.of({"SMC_PATIENCE": text})


@pytest.mark.parametrize("text", ["0", "100", "1.5", "\u00b2", "-3", "9" * 5000])
def test_counts_that_are_none(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a whole number from 1 to 99") as error:
        FILES.of({"SMC_FILES": text})
    assert len(str(error.value)) < 200


def test_words_that_are_none() -> None:
    with pytest.raises(ConfigurationError, match="variable SMC_STYLE is 'loud', not one of plain, rich"):
        STYLE.of({"SMC_STYLE": "loud"})
    with pytest.raises(ConfigurationError, match="variable SMC_COLOUR is 'perhaps', not 1 or 0"):
        COLOUR.of({"SMC_COLOUR": "perhaps"})


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for setting in (PATIENCE, FILES, COLOUR, STYLE):
        try:
            setting.of({setting.name: text})
        except ConfigurationError:
            assert text.strip()


def test_a_plugin_declares_its_own() -> None:
    class Plugin:
        SETTINGS = (PATIENCE,)

    assert settings.declared_by([Plugin, object()]) == {"SMC_PATIENCE": PATIENCE}


@pytest.mark.parametrize("setting", settings.CORE.values(), ids=str)
def test_each_says_what_it_sets_and_its_default_has_its_form(setting: Setting) -> None:
    assert setting.what[0] not in ".,;"
    assert not setting.what.endswith(".")
    assert setting.default_text
    assert setting.found({}) is None
