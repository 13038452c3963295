"""Which names look secret, and that their values stay out of what smc writes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.masking import MASK, Masker, is_secret, secret_values

SECRET = [
    "token", "HF_TOKEN", "hfToken", "api_key", "api-key", "apiKey", "APIKey", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "password", "dbPassword", "DB_PWD", "MYSQL_PASSWD", "passphrase",
    "credentials", "GOOGLE_APPLICATION_CREDENTIALS_JSON", "client_secret", "private-key", "auth_key", "OPENAI_APIKEY",
    "SM_HP_TOKEN", "Authorization",
]  # fmt: skip
HARMLESS = [
    "PWD", "OLDPWD", "PATH", "tokenizer", "pad_token", "eos_token_id", "max_tokens", "num_tokens", "token_ids", "key",
    "monkey", "keyboard", "sort_key", "primary_key", "secretary", "learning-rate", "", "-", "image_token",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "PASSWORD_FILE", "SSH_AUTH_SOCK", "authors", "passes",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_names_that_look_secret(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_names_that_do_not(name):
    assert not is_secret(name)


def test_values_inside_objects():
    found = secret_values(
        {
            "db": '{"user": "me", "password": "hunter22"}',
            "servers": [{"token": "abcdefgh"}, {"name": "token"}],
            "credentials": {"id": "the-id-1", "parts": ["part-one", "part-two"]},
            "api_key": '"quoted-in-json"',
            "epochs": 10,
        }
    )
    assert found == {"hunter22", "abcdefgh", "the-id-1", "part-one", "part-two", '"quoted-in-json"', "quoted-in-json"}


@pytest.mark.parametrize("value", ["", "true", "False", "None", "null", "12345", "0.5", None, True])
def test_values_that_mean_nothing(value):
    """``use_auth_token=true`` must not mask every "true" of a text."""
    assert secret_values({"auth_token": value}) == frozenset()


@pytest.mark.parametrize(
    ("secret", "text", "masked"),
    [
        ("abcdefghij", "xabcdefghijx", "x****x"),
        ("abcd", "abcd abcde (abcd)", "**** abcde (****)"),
        ("a'b\nc\"dé", "{0}|{0!r}", "****|'****'"),
        ("a+b.c(d)*", "a+b.c(d)*", "****"),
    ],
)
def test_masking(secret, text, masked):
    assert Masker([secret])(text.format(secret)) == masked


def test_the_longer_of_two_secrets_first():
    assert Masker(["abcdefgh", "abcdefgh-ijkl"])("abcdefgh-ijkl abcdefgh") == "**** ****"


def test_passwords_of_urls():
    mask = Masker([])
    assert (
        mask("pip install -i https://aws:eyJ0eXAi@host/simple/ x") == "pip install -i https://aws:****@host/simple/ x"
    )
    assert mask("https://host:8080/path and a@b") == "https://host:8080/path and a@b"


def test_the_secrets_of_a_job(tmp_path):
    file = tmp_path / "hyperparameters.json"
    file.write_text(json.dumps({"db-password": "from the file", "epochs": "3"}))
    mask = Masker.of_job({"HF_TOKEN": "from the environment"}, str(file))
    assert mask("from the file, from the environment, 3") == f"{MASK}, {MASK}, 3"


@pytest.mark.parametrize("content", [None, "{", "[]", '"text"', "\udcff"])
def test_hyperparameters_that_cannot_be_read(content, tmp_path):
    file = tmp_path / "hyperparameters.json"
    if content is not None:
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert Masker.of_job({}, str(file))("text") == "text"


@given(st.text(min_size=8).filter(lambda text: text.strip() == text), st.text(), st.text())
def test_a_secret_never_stays(secret, before, after):
    masked = Masker(secret_values({"password": secret}))(f"{before}{secret}{after}")
    assert secret not in masked.replace(MASK, "\0") or secret in MASK
