"""Code comes from S3: a real client, over a real socket, from moto's server and from servers with faults."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.code.conftest import Server, reply, tar_bytes, tree, zip_bytes

from smc_core.code.fetch import pace, s3
from smc_core.code.fetch.download import download, fetch
from smc_core.errors import CodeError

pytest.importorskip("obstore")
pytest.importorskip("moto.server")

TRAIN = {"train.py": b"print('trained')\n"}
BUCKET = "training-code"


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of moto's server, which runs in a process of its own."""
    program = (
        "import sys; from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start()\n"
        "print('http://%s:%s' % server.get_host_and_port(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def put(moto: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts objects into the bucket, which is empty at first; the environment points to the server."""
    import requests

    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HOME", "/nowhere")
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    requests.put(f"{moto}/{BUCKET}", timeout=10)

    def put(key: str, content: bytes) -> str:
        url = f"{moto}/{BUCKET}/{requests.utils.quote(key, safe='/')}"
        assert requests.put(url, data=content, timeout=10).status_code == 200
        return f"s3://{BUCKET}/{key}"

    return put


def test_an_archive_is_fetched_and_unpacked(put, code: Path) -> None:
    archive = tar_bytes(TRAIN)
    (code / "baked.py").write_text("baked")
    fetched = fetch(put("jobs/one/sourcedir.tar.gz", archive), str(code))
    assert tree(code) == TRAIN
    assert (fetched.source, fetched.bytes) == (f"s3://{BUCKET}/jobs/one/sourcedir.tar.gz", len(archive))
    assert fetched.replaced == ("baked.py",)


def test_a_single_file_is_fetched(put, code: Path) -> None:
    download(put("train.py", b"x"), code)
    assert tree(code) == {"train.py": b"x"}


@pytest.mark.parametrize("key", ["my code/ä+%20 (1).py", "a&b=c?d#e.py", "日本.py"])
def test_any_key_is_taken_as_it_is(put, code: Path, key: str) -> None:
    download(put(key, b"x"), code)
    assert tree(code) == {key.rpartition("/")[2]: b"x"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_prefix_is_a_folder(put, code: Path, slash: str) -> None:
    for key in ("job/code/train.py", "job/code/pkg/sub/deep.py", "job/code-2/other.py", "job/code/empty.py"):
        put(key, b"" if "empty" in key else key.encode())
    put("job/code/pkg/", b"")  # the console makes such objects for folders
    put("job/code/", b"")
    fetched = fetch(f"s3://{BUCKET}/job/code{slash}", str(code))
    expected = {"train.py": b"job/code/train.py", "pkg/sub/deep.py": b"job/code/pkg/sub/deep.py", "empty.py": b""}
    assert tree(code) == expected
    assert fetched.bytes == sum(map(len, expected.values()))


def test_a_whole_bucket_is_a_folder(put, code: Path) -> None:
    put("train.py", b"x")
    put("pkg/a.py", b"y")
    download(f"s3://{BUCKET}", code)
    assert tree(code) == {"train.py": b"x", "pkg/a.py": b"y"}


def test_many_objects_arrive(put, code: Path) -> None:
    expected = {f"f{number}.py": str(number).encode() for number in range(60)}
    for name, content in expected.items():
        put(f"many/{name}", content)
    download(f"s3://{BUCKET}/many", code)
    assert tree(code) == expected


def test_an_object_counts_before_a_prefix_of_its_name(put, code: Path) -> None:
    put("code/train.py", b"below")
    download(put("code", b"itself"), code)
    assert tree(code) == {"code": b"itself"}


def test_a_prefix_with_one_archive_is_that_archive(put, code: Path) -> None:
    put("job/source/sourcedir.tar.gz", tar_bytes({"project-1.0/train.py": b"x"}))
    assert download(f"s3://{BUCKET}/job/source/", code) == str(code / "project-1.0")


def test_a_large_object_arrives_whole(put, code: Path) -> None:
    content = os.urandom(20_000_000)
    download(put("weights.bin", content), code)
    assert (code / "weights.bin").read_bytes() == content


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"s3://{BUCKET}/gone.tar.gz", "nothing is there, neither an object nor a prefix"),
        (f"s3://{BUCKET}/gone/", "nothing is there"),
        ("s3://no-such-bucket/code.tar.gz", "cannot be fetched: 404 NoSuchBucket"),
        (f"s3://{BUCKET}/a//b", "cannot be fetched: Could not parse path"),
        (f"s3://{BUCKET}/../b", "cannot be fetched: Could not parse path"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(put, code: Path, url: str, message: str) -> None:
    (code / "train.py").write_text("baked")
    with pytest.raises(CodeError) as caught:
        download(url, code)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert tree(code) == {"train.py": b"baked"}


@pytest.mark.parametrize("keys", [["job/x//y"], ["job/../../../y"], ["job/./y"], ["job/a", "job/a/b"], ["job//y"]])
def test_keys_that_are_no_paths_are_refused(s3_server: Server, code: Path, keys: list[str]) -> None:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>1</ETag>"
        "<Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key in keys
    )
    listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
    s3_server.serve("/bucket", reply(listing))
    for key in keys:
        s3_server.serve(f"/bucket/{key}", reply(b"x", **STAMP))
    with pytest.raises(CodeError):
        download("s3://bucket/job/", code)
    assert tree(code) == {}
    assert os.listdir(code.parent) == ["code"]


def test_a_prefix_has_the_limits_of_an_archive(put, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        put(f"job/{number}.py", b"x" * 100)
    for name, value in {"SMC_MAX_ARCHIVE_FILES": "4", "SMC_MAX_ARCHIVE_BYTES": "499"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(CodeError, match=f"set {name} if that is intended"):
                download(f"s3://{BUCKET}/job", code)


def test_an_object_has_the_limits_of_an_archive(put, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = put("job/train.py", b"x" * 500)
    monkeypatch.setenv("SMC_MAX_ARCHIVE_BYTES", "499")
    with pytest.raises(CodeError, match=r"train\.py is refused: it has more than 499 bytes; set SMC_MAX_ARCHIVE_BYTES"):
        download(url, code)
    monkeypatch.setenv("SMC_MAX_ARCHIVE_BYTES", "500")
    download(url, code)


def test_an_object_that_trickles_is_not_waited_for(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.5)

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content-Length": "100000", "ETag": '"1"', "Last-Modified": STAMP["Last_Modified"]}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.02)

    s3_server.serve("/bucket/train.py", trickle)
    with pytest.raises(CodeError, match="arrives at less than 1,000 bytes a second"):
        download("s3://bucket/train.py", code)


def test_a_hostile_archive_is_refused_from_there_too(put, code: Path) -> None:
    with pytest.raises(CodeError, match="leads outside"):
        download(put("evil.zip", zip_bytes({"../escaped.py": b"x"})), code)


def test_without_the_extra_a_line_says_what_to_install(code: Path) -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from smc_core.code.fetch.download import download; from smc_core.errors import CodeError\n"
        f"try: download('s3://bucket/x', '{code}')\nexcept CodeError as error: print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == 's3://bucket/x needs the extra s3: pip install "smc-core[s3]"\n'


@pytest.fixture
def s3_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that stands for S3, and counts as the endpoint."""
    monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HOME", "/nowhere")
    return server


STAMP = {"Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT", "ETag": '"1"'}


def test_the_region_and_session_of_the_environment_are_signed(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    headers = s3_server.requests[0].headers
    assert "Credential=AKIDEXAMPLE/" in headers["authorization"]
    assert "/eu-central-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "session"


def test_a_server_in_trouble_is_asked_again(s3_server: Server, code: Path) -> None:
    s3_server.serve("/bucket/train.py", reply(b"", 503), reply(b"", 500), reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert tree(code) == {"train.py": b"x"}


def test_a_connection_that_breaks_does_not_cut_the_file(s3_server: Server, code: Path) -> None:
    content = os.urandom(3_000_000)

    def rest(handler: BaseHTTPRequestHandler) -> None:
        begin = int(handler.headers["Range"].removeprefix("bytes=").split("-")[0])
        content_range = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        reply(content[begin:], 206, Content_Range=content_range, **STAMP)(handler)

    s3_server.serve("/bucket/data.bin", reply(content, keep=1_000_000, **STAMP), rest)
    download("s3://bucket/data.bin", code)
    assert (code / "data.bin").read_bytes() == content


def test_a_bucket_of_another_region_is_found(s3_server: Server, code: Path) -> None:
    def by_region(handler: BaseHTTPRequestHandler) -> None:
        if "/eu-west-1/" in handler.headers.get("Authorization", ""):
            reply(b"x", **STAMP)(handler)
        else:
            reply(b"<Error><Code>PermanentRedirect</Code></Error>", 301, x_amz_bucket_region="eu-west-1")(handler)

    s3_server.serve("/bucket/train.py", by_region)
    s3_server.serve("/bucket", reply(b"", 403, x_amz_bucket_region="eu-west-1"))
    download("s3://bucket/train.py", code)
    assert tree(code) == {"train.py": b"x"}


def test_a_refusal_says_which_right_may_be_missing(s3_server: Server, code: Path) -> None:
    s3_server.serve("/bucket/x.zip", reply(b"<Error><Code>AccessDenied</Code></Error>", 403))
    s3_server.serve("/bucket", reply(b"<Error><Code>AccessDenied</Code></Error>", 403))
    with pytest.raises(CodeError, match=r"403 AccessDenied; it does not exist, or the role lacks s3:GetObject"):
        download("s3://bucket/x.zip", code)


def test_a_server_that_is_not_there_is_told_in_a_line(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(CodeError, match=r"^s3://bucket/x\.zip cannot be fetched: the server cannot be reached$"):
        download("s3://bucket/x.zip", code)


def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


CREDENTIALS = {"AccessKeyId": "FROMROLE", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"}


def key_used(server: Server) -> str:
    signed = [request.headers["authorization"] for request in server.requests if "authorization" in request.headers]
    return next(text for text in signed if "Credential=" in text).partition("Credential=")[2].partition("/")[0]


def test_credentials_of_the_container_are_used(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_keys(monkeypatch)
    (tmp_path / "token").write_text("token of the container")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{s3_server.url}/role")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    s3_server.serve("/role", reply(json.dumps(CREDENTIALS).encode()))
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert key_used(s3_server) == "FROMROLE"
    assert s3_server.requests[0].headers["authorization"] == "token of the container"


def test_credentials_of_a_web_identity_are_used(
    s3_server: Server,
    tls_server: Server,
    authority: Path,
    code: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The token goes out over TLS only."""
    without_keys(monkeypatch)
    (tmp_path / "token").write_text("web-identity-token")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", tls_server.url)
    keys = "".join(
        f"<{name}>{text}</{name}>" for name, text in {**CREDENTIALS, "SessionToken": "t"}.items() if name != "Token"
    )
    result = (
        f"<R><AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult></R>"
    )
    tls_server.serve("/", reply(result.encode()))
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert key_used(s3_server) == "FROMROLE"
    tls_server.serve("/", reply(b"<Error><Code>ExpiredToken</Code></Error>", 400))
    with pytest.raises(CodeError) as caught:
        download("s3://bucket/train.py", code)
    assert "web-identity-token" not in f"{caught.value} {caught.value.__cause__}"


def test_credentials_of_the_instance_are_used(s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_keys(monkeypatch)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", s3_server.url)
    s3_server.serve("/latest/api/token", reply(b"metadata-token"))
    s3_server.serve("/latest/meta-data/iam/security-credentials/", reply(b"the-role"))
    s3_server.serve("/latest/meta-data/iam/security-credentials/the-role", reply(json.dumps(CREDENTIALS).encode()))
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert key_used(s3_server) == "FROMROLE"


def test_credentials_of_a_profile_are_used(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_keys(monkeypatch)
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = FROMFILE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert key_used(s3_server) == "FROMFILE"


def test_a_public_bucket_needs_no_credentials(s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_keys(monkeypatch)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    s3_server.serve("/bucket/train.py", reply(b"x", **STAMP))
    download("s3://bucket/train.py", code)
    assert "authorization" not in s3_server.requests[0].headers


def test_no_credentials_at_all_are_told_within_seconds(
    s3_server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_keys(monkeypatch)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(CodeError, match=r"no AWS credentials found \(variables AWS_ACCESS_KEY_ID"):
        download("s3://bucket/train.py", code)


def test_an_error_of_the_library_is_never_shown_whole() -> None:
    text = "Generic S3 error: odd https://h/x?secret=1\n\nDebug source:\nGeneric { ... }"
    assert s3._cause(text) == "Generic S3 error: odd https://h/x?****"
