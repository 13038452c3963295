"""Raw text → values, arguments, variable names."""

import argparse
import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import (
    Value,
    argument,
    arguments,
    check_arguments,
    decode,
    parse_preserving_numbers,
    raw_text,
    split_hps,
    variable_names,
)

PASSABLE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PASSABLE_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PASSABLE_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("raw", "token"),
    [
        ("adam", "adam"),
        ('"adam"', "adam"),
        ("0.1", "0.1"),
        ("1.10", "1.10"),
        ("0010", "0010"),
        ("1e3", "1e3"),
        ("12345678901234567890", "12345678901234567890"),
        ("true", "True"),
        ("false", "False"),
        ("True", "True"),
        ("null", ""),
        ('""', ""),
        ("", ""),
        ('[1, "a", null, true]', '[1,"a",null,true]'),
        ('{"b": 1, "a": {"x": [1]}}', '{"b":1,"a":{"x":[1]}}'),
        ("s3://bucket/key", "s3://bucket/key"),
        ('"two words; $(rm -rf)"', "two words; $(rm -rf)"),
        ("{not json", "{not json"),
    ],
)
def test_classic_tokens(raw: str, token: str) -> None:
    assert argument(raw) == token


def test_arguments_are_sorted_and_one_letter_takes_one_dash() -> None:
    assert arguments({"lr": "0.10", "b": "32", "Zeta": "1", "batch-size": "8"}) == [
        *("--Zeta", "1"),
        *("-b", "32"),
        *("--batch-size", "8"),
        *("--lr", "0.10"),
    ]


def test_json_style_writes_booleans_and_null_as_json() -> None:
    assert arguments({"a1": "true", "b1": "null", "c1": "x"}, "json") == ["--a1", "true", "--b1", "null", "--c1", "x"]


def test_flags_style_has_bare_flags() -> None:
    texts = {"amp": "true", "debug": "false", "lr": "0.1", "word": '"true"'}
    assert arguments(texts, "flags") == ["--amp", "--lr", "0.1", "--word", "true"]


@given(st.dictionaries(PASSABLE_TEXT, JSON_VALUES, max_size=5))
def test_every_value_is_exactly_one_token(values: dict[str, object]) -> None:
    tokens = arguments({key: json.dumps(value) for key, value in values.items()})
    assert len(tokens) == 2 * len(values)


@given(JSON_VALUES)
@example({"a": ["\U0001f600", None, 1e308]})
def test_a_token_still_holds_the_value(value: object) -> None:
    token = argument(json.dumps(value))
    if isinstance(value, str):
        assert token == value
    elif isinstance(value, (list, dict)):
        assert json.loads(token) == value
    elif value is None or isinstance(value, bool):
        assert token == {None: "", True: "True", False: "False"}[value]
    else:
        assert json.loads(token) == value


@given(st.text())
def test_any_text_can_be_decoded(text: str) -> None:
    decode(text)


def test_values_reach_the_argv_of_a_real_process() -> None:
    values = ["a b", "ünïcødé", "line\nbreak", "'\"$`\\", "-1", "--x", [1, {"k": None}], 1.5, True, "\udcff"[:0]]
    tokens = arguments({f"key{index}": json.dumps(value) for index, value in enumerate(values)})
    script = "import json, sys; json.dump(sys.argv[1:], sys.stdout)"
    output = subprocess.run([sys.executable, "-c", script, *tokens], check=True, capture_output=True).stdout
    assert json.loads(output) == tokens


def test_argparse_reads_what_the_classic_toolkit_users_write() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--layers", type=json.loads)
    parsed = parser.parse_args(arguments({"learning-rate": "-0.1", "layers": "[64, 32]"}))
    assert (parsed.learning_rate, parsed.layers) == (-0.1, [64, 32])


@pytest.mark.parametrize("raw", ['"a\\u0000b"', '"\\ud800"', "x" * 131_072])
def test_what_no_process_can_be_passed_is_refused_by_name(raw: str) -> None:
    with pytest.raises(ConfigurationError, match="hyperparameter 'odd'"):
        check_arguments({"odd": raw})


def test_nul_inside_an_array_is_harmless() -> None:
    check_arguments({"fine": '["a\\u0000b"]', "large": "x" * 131_071})


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
