"""Raw text → values, arguments, variable names."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.json_values import JSON_VALUES

from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import (
    Value,
    decode,
    parse_preserving_numbers,
    raw_text,
    split_hps,
    unwrapped,
    variable_names,
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('"\\"train.py\\""', '"train.py"'),
        ('"\\"\\\\\\"train.py\\\\\\"\\""', '"train.py"'),
        ('"train.py"', '"train.py"'),
        ("train.py", "train.py"),
        ('"\\"[1]\\""', '"[1]"'),
        ("12", "12"),
        ('"12"', '"12"'),
    ],
)
def test_what_was_encoded_more_than_once_is_encoded_once(raw: str, text: str) -> None:
    assert unwrapped(raw) == text


@given(JSON_VALUES)
def test_json_is_decoded(value: object) -> None:
    assert decode(json.dumps(value)) == value


@given(st.text().map("x".__add__))
@example("[" * 102 + "]" * 102)  # the outermost is nested in nothing
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert decode(text) == text


def test_a_number_on_the_top_level_keeps_its_text() -> None:
    values = parse_preserving_numbers('{"a": 1.10, "b": [1.10], "c": true, "d": "x", "e": 3, "f": null}')
    texts = {key: raw_text(value) for key, value in values.items()}
    assert texts == {"a": "1.10", "b": "[1.1]", "c": "true", "d": "x", "e": "3", "f": "null"}


def test_platform_keys_are_parted() -> None:
    hps = {"sagemaker_program": 1, "sagemaker_new_thing": 2, "_tuning_objective_metric": 3, "lr": 4, "_mine": 5}
    platform, user = split_hps(hps)
    assert set(platform) == {"sagemaker_program", "sagemaker_new_thing", "_tuning_objective_metric"}
    assert user == {"lr": 4, "_mine": 5}
    assert split_hps({"a": 1, "b": 2}, keys=["b"]) == ({"b": 2}, {"a": 1})


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("lr", ["SM_HP_LR"]),
        ("batch-size", ["SM_HP_BATCH-SIZE", "SM_HP_BATCH_SIZE"]),
        ("a.b", ["SM_HP_A.B", "SM_HP_A_B"]),
        ("a=b", ["SM_HP_A_B"]),
        ("straße", ["SM_HP_STRASSE"]),
    ],
)
def test_variable_names(key: str, names: list[str]) -> None:
    assert variable_names("SM_HP_", key) == names


def test_value_is_the_text_and_converts_itself() -> None:
    assert Value('"adam"', "optimizer") == "adam"
    assert Value("1.10", "version") == "1.10"
    assert Value("32", "n").to_int() == 32
    assert Value("1e3", "n").to_int() == 1000
    assert Value("0.5", "n").to_float() == 0.5
    assert Value("True", "n").to_bool() is True
    assert Value("off", "n").to_bool() is False
    assert Value('"[1, 2]"', "n").to_list() == [1, 2]
    assert Value('{"a": 1}', "n").to_dict() == {"a": 1}
    assert Value("null", "n").to_json() is None
    assert Value("/data", "n").to_path().name == "data"


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("to_int", "abc"),
        ("to_int", "1.5"),
        ("to_int", "nan"),
        ("to_float", "fast"),
        ("to_bool", "2"),
        ("to_list", '{"a": 1}'),
        ("to_dict", "[1]"),
        ("to_json", "adam"),
    ],
)
def test_a_failed_conversion_names_the_hyperparameter_and_its_text(method: str, raw: str) -> None:
    with pytest.raises(ConfigurationError, match="hyperparameter 'my-key' is ") as caught:
        getattr(Value(raw, "my-key"), method)()
    assert repr(str(Value(raw, "my-key"))) in str(caught.value)


def test_a_failed_conversion_hides_a_secret() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Value("hunter2", "api_token").to_int()
    assert "hunter2" not in str(caught.value)
