"""A place is told by its own text, and never printed with credentials."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.code.location import harmless, parse
from smc_core.errors import CodeError
from smc_core.masking import mask_urls

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("url", "scheme", "target", "name"),
    [
        ("/opt/code", "file", "/opt/code", "code"),
        ("/opt/code/", "file", "/opt/code", "code"),
        ("/opt/a b#c?.tar", "file", "/opt/a b#c?.tar", "a b#c?.tar"),
        ("file:///opt/a%20b.zip", "file", "/opt/a b.zip", "a b.zip"),
        ("file://localhost/opt/x", "file", "/opt/x", "x"),
        ("s3://bucket/path/code.tar.gz", "s3", "s3://bucket/path/code.tar.gz", "code.tar.gz"),
        ("s3://bucket/a b%20?.py", "s3", "s3://bucket/a b%20?.py", "a b%20?.py"),
        ("s3://bucket", "s3", "s3://bucket/", ""),
        ("S3://bucket/prefix/", "s3", "s3://bucket/prefix/", "prefix"),
        ("https://host/a/my%20code.zip?x=1#top", "https", "https://host/a/my%20code.zip?x=1", "my code.zip"),
        ("HTTP://host:80/", "http", "HTTP://host:80/", ""),
    ],
)
def test_a_place_is_told_by_its_text(url: str, scheme: str, target: str, name: str) -> None:
    location = parse(url)
    assert (location.scheme, location.target, location.name, location.checksum) == (scheme, target, name, None)


def test_a_relative_path_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("code/x.zip").target == str(tmp_path / "code" / "x.zip")
    assert parse(Path("code")).target == str(tmp_path / "code")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "no location is given"),
        ("  ", "no location is given"),
        ("a\0b", "no location is given"),
        ("gs://bucket/code", "gs:// is not supported; give a path, or a URL that begins with s3://"),
        ("git+https://user:secret@host/x", "git+https:// is not supported"),
        ("https:///code.zip", "is not a valid URL"),
        ("http://[::1/x", "is not a valid URL"),
        ("https://host:99999/x", "is not a valid URL"),
        ("s3:///key", "an S3 URL has the form s3://bucket/key"),
        ("s3://key:secret@bucket/x", "an S3 URL has the form s3://bucket/key"),
        ("file://host/x", "a file:// URL cannot name a host"),
        ("https://host/x#sha256=abc", "#sha256= needs 64 hexadecimal digits, not 'abc'"),
    ],
)
def test_what_is_no_place_is_told_in_a_line(url: str, message: str) -> None:
    with pytest.raises(CodeError) as caught:
        parse(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("start", ["https://host/x.zip?sig=1", "s3://bucket/x.zip", "file:///x.zip"])
def test_a_checksum_stands_at_the_end(start: str) -> None:
    location = parse(f"{start}#egg=x&sha256={DIGEST.upper()}")
    assert location.checksum == ("sha256", DIGEST)
    assert "sha256" not in location.target


WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#@'\"<>()"), min_size=8)


@given(user=WORD, password=WORD, query=WORD)
def test_no_credentials_are_printed(user: str, password: str, query: str) -> None:
    url = f"https://{user}:{password}@host.example/a/b.zip?X-Amz-Signature={query}"
    for text in (
        mask_urls(f"cannot fetch {url} now"),
        mask_urls(f"HTTPConnectionPool(host='h', port=1): Max retries exceeded with url: /a?sig={query} (Caused)"),
        str(harmless(OSError(f"bad {url}"))),
    ):
        assert password not in text.replace("Signature", "")
        assert query not in text.replace("Signature", "")
    assert "https://****@host.example/a/b.zip?****" in mask_urls(url)
