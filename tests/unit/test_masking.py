"""Which names look secret, and that their values stay out of what smc writes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.masking import MASK, Masker, mask_urls, masked, secret_values
from smc_core.secret_names import is_secret

SECRET = [
    "token", "HF_TOKEN", "hfToken", "api_key", "api-key", "apiKey", "APIKey", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "password", "dbPassword", "DB_PWD", "MYSQL_PASSWD", "passphrase",
    "credentials", "GOOGLE_APPLICATION_CREDENTIALS_JSON", "client_secret", "private-key", "auth_key", "OPENAI_APIKEY",
    "SM_HP_TOKEN", "Authorization", "PGPASSWORD", "MYSECRET", "GITHUB_PAT", "gh_pat", "AZURE_DEVOPS_PAT", "db_pass",
    "MYSQL_PASS", "PASS", "OPENAI_KEY", "openai_key", "FOO_KEY", "KAGGLE_KEY", "jwt", "id_jwt", "SENTRY_DSN",
    "DATABASE_URL", "REDIS_URL", "SQLALCHEMY_DATABASE_URI", "webhook_url", "SLACK_WEBHOOK", "cookie", "SESSION_COOKIE",
    "connection_string", "AZURE_STORAGE_CONNECTION_STRING", "NPM_AUTH", "_auth", "storage_key", "AZURE_STORAGE_SAS",
    "bearer", "SM_HP_DB_PASS", "SM_HP_OPENAI_KEY", "x-api-key", "client_secret_value",
]  # fmt: skip
HARMLESS = [
    "PWD", "OLDPWD", "PATH", "tokenizer", "pad_token", "eos_token_id", "max_tokens", "num_tokens", "token_ids", "key",
    "monkey", "keyboard", "sort_key", "primary_key", "secretary", "learning-rate", "", "-", "image_token",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "PASSWORD_FILE", "SSH_AUTH_SOCK", "authors", "passes",
    "SORT_KEY", "SM_HP_SORT_KEY", "SM_HP_MONITOR_KEY", "monitor_key", "image_key", "first_pass", "num_pass", "pattern",
    "name_pat", "path", "MLFLOW_TRACKING_URI", "base_url", "model_url", "auth_type", "cookiecutter", "compass", "bypass",
    "secretariat", "dsnt", "hashtag", "string", "query_string", "KEY", "author", "user_key", "tokenize", "hotkey",
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
    assert mask("pip install -i https://aws:eyJ0eXAi@host/simple/ x") == "pip install -i https://****@host/simple/ x"
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


URLS = {
    "https://user:word@host/path": "https://****@host/path",
    "https://tokentoken@host/path": "https://****@host/path",
    "git+ssh://git@host/repo@v1": "git+ssh://git@host/repo@v1",
    "git+https://git:word@host/repo@v1": "git+https://****@host/repo@v1",
    "https://host/path?X-Amz-Signature=abc&x=1#sha256=12": "https://host/path?****#sha256=12",
    "https://host?sig": "https://host?****",
    "(see https://host/x?sig).": "(see https://host/x?****).",
    "https://host/#access_token=abc&state=1": "https://host/#access_token=****&state=1",
    "https://host/pkg#egg=name": "https://host/pkg#egg=name",
    "postgresql+psycopg2://me:p@ss:w@host:5432/db": "postgresql+psycopg2://****@host:5432/db",
    "redis://:word@host": "redis://****@host",
    "s3://bucket/key": "s3://bucket/key",
    "https://proxy/https://user:word@host/x?y": "https://proxy/https://****@host/x?****",
    "https://u:a#b?c@host/": "https://****@host/",
    '"https://u:w@h/x?y", "https://u:w@i/"': '"https://****@h/x?****", "https://****@i/"',
    '{\\"url\\": \\"https://h/x?sig=1\\"}': '{\\"url\\": \\"https://h/x?****\\"}',
    "retries exceeded with url: /c.zip?sig=1 (Caused": "retries exceeded with url: /c.zip?**** (Caused",
    "https://u:p\\w@host/": "https://****@host/",
    "://": "://",
    "a://b://c": "a://b://c",
}


@pytest.mark.parametrize("text", URLS)
def test_urls_lose_user_and_query(text):
    assert mask_urls(text) == URLS[text]


@given(st.text(st.sampled_from("ab:/@?#= '\"git&"), max_size=60))
def test_what_is_masked_stays_masked_and_no_user_stays(text):
    once = mask_urls(text)
    assert mask_urls(once) == once
    for piece in once.split("://")[1:]:
        authority = piece.replace("'", " ").replace('"', " ").partition(" ")[0].partition("/")[0]
        user, at, _ = authority.rpartition("@")
        assert not at or user in (MASK, "git")


def test_no_text_takes_more_time_than_its_length_allows():
    """In a process that is given 20 s of a processor; what grows with the square would take hours."""
    parts = ["a", "://a:", "x://", "@", "a:@", "url: /", "a://b?", "://#", "\\", ").", "://@/"]
    program = (
        "import json, resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "from smc_core.masking import Masker\n"
        "for part in json.load(sys.stdin):\n"
        "    for text in (part * 60_000, '://' + part * 60_000): Masker(['hunter22'])(text)"
    )
    arguments = [sys.executable, "-c", program]
    assert subprocess.run(arguments, input=json.dumps(parts), text=True, check=False).returncode == 0


def test_a_password_in_a_url_is_a_secret_elsewhere_too():
    found = secret_values(
        {"TRACKING_URI": "https://me:hunter%2F22@host/ and https://tokentoken@host", "x": "https://me@h"}
    )
    assert found == {"hunter%2F22", "hunter/22", "tokentoken"}


PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


@pytest.mark.parametrize("stored", [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n"), json.dumps(PEM)])
def test_one_line_of_a_key_is_masked(stored):
    mask = Masker(secret_values({"private_key": stored}))
    assert mask("it has MIIEvQIBADANBgkq in it") == "it has **** in it"
    assert mask("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


@pytest.mark.parametrize("text", ["a%2Fb+c%3Dd%C3%BC+e", "a%2fb%2bc%3dd%c3%bc%20e", "a/b%2Bc%3Dd%C3%BC%20e"])
def test_percent_encoded_forms(text):
    secret = urllib.parse.unquote(text.replace("+", "%20") if "%20" not in text else text)
    assert Masker([secret])(f"x={text}&y") == "x=****&y"


def test_masked_values():
    value = {
        "db_pass": "x",
        "n": [{"api_key": 1}, "https://u:p@h/?q"],
        "deep": {"token": {"a": "b"}},
        "k": 1,
        "z": None,
    }
    assert masked(value) == {
        "db_pass": MASK, "n": [{"api_key": MASK}, "https://****@h/?****"], "deep": {"token": MASK}, "k": 1, "z": None,
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_does_not_turn_masking_off(tmp_path, encoding):
    file = tmp_path / "hyperparameters.json"
    file.write_text(json.dumps({"db_pass": "from the file"}), encoding)
    assert Masker.of_job({}, str(file))("from the file") == MASK


@given(st.text(min_size=8).filter(lambda text: text.strip() == text), st.text(), st.text())
def test_a_secret_never_stays(secret, before, after):
    masked = Masker(secret_values({"password": secret}))(f"{before}{secret}{after}")
    assert secret not in masked.replace(MASK, "\0") or secret in MASK


@pytest.mark.parametrize("value", ["[" * 600 + "]" * 600, '{"a":' * 600 + "1" + "}" * 600], ids=["list", "object"])
@pytest.mark.parametrize("name", ["x", "token"])
def test_values_nested_without_end(name, value):
    texts = secret_values({name: value, "db_pass": "the word"})
    assert "the word" in texts
    assert (value in texts) is (name == "token")


def test_a_password_in_a_url_in_a_list():
    assert "pass-word" in secret_values({"x": ["https://me:pass-word@host/"]})
