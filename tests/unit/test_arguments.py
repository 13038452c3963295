"""The script's arguments: one token a value, read by argparse, by Hydra, by a real process."""

import argparse
import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.json_values import JSON_VALUES, PASSABLE_TEXT, check_token

from smc_core.arguments import argument, argument_order, argument_style, arguments, check_arguments, check_size
from smc_core.errors import ConfigurationError


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
    check_token(token, value)


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
        check_arguments(arguments({"odd": raw}), {"fine": "1", "odd": raw})


def test_an_argument_that_a_plugin_adds_is_refused_too() -> None:
    with pytest.raises(ConfigurationError, match=r"^an argument contains a NUL character"):
        check_arguments(["--extra", "a\0b"], {"fine": "1"})


def test_nul_inside_an_array_is_harmless() -> None:
    texts = {"fine": '["a\\u0000b"]', "large": "x" * 131_071}
    tokens = arguments(texts)
    check_arguments(tokens, texts)
    assert tokens == ["--fine", texts["fine"], "--large", texts["large"]]


@pytest.mark.parametrize(
    ("raw", "token"),
    [
        ("-1e-3", "-0.001"),
        ("-1E5", "-100000.0"),
        ("-1.50e-2", "-0.0150"),
        ("-3", "-3"),
        ("-0.10", "-0.10"),
        ("1e-3", "1e-3"),
        ('"-1e-3"', "-1e-3"),
        ("-Infinity", "-Infinity"),
        ("-1e-999999999", "-1e-999999999"),
    ],
)
def test_a_negative_number_is_written_so_that_argparse_takes_it_for_one(raw: str, token: str) -> None:
    assert argument(raw) == token


@given(st.floats(max_value=-5e-324, allow_infinity=False, allow_nan=False))
def test_argparse_reads_every_negative_number(number: float) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    assert parser.parse_args(arguments({"lr": repr(number)})).lr == number


@pytest.mark.parametrize(
    ("raw", "override"),
    [
        ("adam", "adam"),
        ("0.10", "0.10"),
        ("-1e-3", "-1e-3"),
        ("true", "true"),
        ("null", "null"),
        ("", "''"),
        ('"1.10"', "'1.10'"),
        ('"true"', "'true'"),
        ("two words", "'two words'"),
        ("it's", '"it\'s"'),
        ("s3://bucket/key", "'s3://bucket/key'"),
        ("data/train.csv", "data/train.csv"),
        ("a,b=c", "'a,b=c'"),
        ("C:\\dir\\", "'C:\\dir\\\\'"),
        ('[1, "x", null]', "[1, x, null]"),
        ('{"a": 1, "b": {"c": "x y"}}', "{a: 1, b: {c: 'x y'}}"),
    ],
)
def test_hydra_style_writes_overrides(raw: str, override: str) -> None:
    assert arguments({"optimizer.lr": raw}, "hydra") == [f"optimizer.lr={override}"]


def test_the_order_of_the_file_is_kept_where_that_is_asked_for() -> None:
    texts = {"config": "base.yaml", "b": "1", "aa": "true"}
    assert arguments(texts) == ["--aa", "True", "-b", "1", "--config", "base.yaml"]
    assert arguments(texts, order="file") == ["--config", "base.yaml", "-b", "1", "--aa", "True"]
    assert arguments(texts, "hydra", "file") == ["config=base.yaml", "b=1", "aa=true"]


def test_variables_choose_style_and_order() -> None:
    assert (argument_style({}), argument_order({})) == ("classic", "sorted")
    assert argument_style({"SMC_ARGS": " Hydra "}) == "hydra"
    assert argument_order({"SMC_ARGS_ORDER": "file"}) == "file"
    with pytest.raises(ConfigurationError, match="SMC_ARGS_ORDER is 'random'"):
        argument_order({"SMC_ARGS_ORDER": "random"})


def test_what_is_too_large_together_names_the_largest() -> None:
    texts = {f"part{index}": "x" * 100_000 for index in range(70)} | {"whole": "x" * 120_000}
    with pytest.raises(ConfigurationError, match=r"too large: .* bytes, .*: 'whole' \(120,000 bytes\), 'part"):
        check_size(arguments(texts), {}, texts)
    check_size(arguments({"whole": "x" * 120_000}), {"PATH": "/bin"}, {})
