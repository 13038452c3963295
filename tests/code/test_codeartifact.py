"""CodeArtifact is a package index; its token comes from the service, signed for as the AWS libraries sign."""

from __future__ import annotations

import datetime
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.code.conftest import Interpreter, Server, make_index, make_wheel, reply

from smc_core.code import aws
from smc_core.code.needs.codeartifact import index_url
from smc_core.errors import CodeError, ConfigurationError

ARN = "arn:aws:codeartifact:eu-west-1:123456789012:repository/my-domain/my_repo"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
TOKEN = "t0ken-of-the-artifact+store=="


@pytest.fixture
def service(server: Server) -> Server:
    server.serve("/v1/authorization-token", reply(json.dumps({"authorizationToken": TOKEN}).encode()))
    server.serve(
        "/v1/repository/endpoint", reply(json.dumps({"repositoryEndpoint": f"{server.url}/pypi/my_repo/"}).encode())
    )
    return server


def test_the_url_holds_the_token(service: Server) -> None:
    url = index_url(ARN, {**KEYS, "AWS_ENDPOINT_URL_CODEARTIFACT": service.url})
    host = service.url.removeprefix("http://")
    assert url == f"http://aws:t0ken-of-the-artifact%2Bstore%3D%3D@{host}/pypi/my_repo/simple/"
    token, endpoint = service.requests
    assert token.method == "POST"
    assert token.path == "/v1/authorization-token?domain=my-domain&domain-owner=123456789012&duration=43200"
    assert "repository=my_repo" in endpoint.path
    assert "/eu-west-1/codeartifact/aws4_request" in token.headers["authorization"]


@pytest.mark.parametrize("token", [None, "session/token+="])
@pytest.mark.parametrize(("method", "query"), [("POST", "b=2&a=%20x"), ("GET", "domain=d&domain-owner=1")])
def test_the_signature_is_the_one_of_the_aws_libraries(method: str, query: str, token: str | None) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"https://codeartifact.eu-west-1.amazonaws.com/v1/authorization-token?{query}"
    now = datetime.datetime.now(datetime.timezone.utc)
    headers = aws.signed(method, url, "codeartifact", "eu-west-1", aws.Keys("AKID", "secret", token), now)
    request = AWSRequest(method, url, headers={"X-Amz-Date": headers["x-amz-date"]})
    signer = auth.SigV4Auth(Credentials("AKID", "secret", token), "codeartifact", "eu-west-1")
    request.context["timestamp"] = headers["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    assert headers["Authorization"].endswith(f"Signature={expected}")


def test_an_installer_gets_the_token_by_a_variable_only(
    interpreter: Interpreter, installer: str, service: Server, code: Path, tmp_path: Path
) -> None:
    make_index(service, [make_wheel(tmp_path, "private")], "/pypi/my_repo/simple", user=f"aws:{TOKEN}")
    (code / "requirements.txt").write_text("private")
    variables = {**KEYS, "AWS_ENDPOINT_URL_CODEARTIFACT": service.url, "CA_REPOSITORY_ARN": ARN}
    outcome = interpreter.install(code, **variables)
    assert outcome.error is None, outcome.error
    assert interpreter.version_of("private") == "1.0"
    (code / "requirements.txt").write_text("gone")
    failed = interpreter.install(code, **variables)
    assert failed.error
    for text in (outcome.output, failed.output, failed.error):
        assert "t0ken" not in text


@pytest.mark.parametrize("arn", ["", "my_repo", ARN.replace("codeartifact", "s3"), ARN + "/more"])
def test_what_is_no_arn_is_told(arn: str) -> None:
    with pytest.raises(ConfigurationError, match="variable CA_REPOSITORY_ARN is "):
        index_url(arn, KEYS)


def test_a_refusal_is_told_in_a_line(server: Server) -> None:
    body = json.dumps({"message": "User is not authorized"}).encode()
    server.serve("/v1/authorization-token", reply(body, 403, x_amzn_ErrorType="AccessDeniedException:http://x"))
    with pytest.raises(
        CodeError, match=r"^CodeArtifact refuses: HTTP 403 AccessDeniedException User is not authorized$"
    ):
        index_url(ARN, {**KEYS, "AWS_ENDPOINT_URL_CODEARTIFACT": server.url})


def test_a_service_that_is_not_there_is_told_in_a_line() -> None:
    with pytest.raises(CodeError, match=r"^CodeArtifact cannot be reached, or does not answer in JSON$"):
        index_url(ARN, {**KEYS, "AWS_ENDPOINT_URL_CODEARTIFACT": "http://127.0.0.1:1"})


ROLE = {"AccessKeyId": "FROMROLE", "SecretAccessKey": "s", "Token": "t"}
EXPECTED = aws.Keys("FROMROLE", "s", "t")


def test_credentials_of_the_environment() -> None:
    assert aws.credentials({**KEYS, "AWS_SESSION_TOKEN": "t"}) == aws.Keys("AKIDEXAMPLE", "secret", "t")


def test_credentials_of_the_container(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def guarded(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(ROLE).encode() if handler.headers["Authorization"] == "secret" else b"{}"
        reply(body)(handler)

    url = server.serve("/role", guarded)
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setattr(aws, "_CONTAINER_HOST", server.url)
    for name, value in {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/role",
    }.items():
        assert (
            aws.credentials({name: value, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")})
            == EXPECTED
        )
        assert aws.credentials({name: value, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret"}) == EXPECTED
        with pytest.raises(CodeError, match="AWS credentials cannot be fetched: KeyError"):
            aws.credentials({name: value})


def test_credentials_of_a_web_identity(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("identity")
    xml = "".join(f"<{name}>{text}</{name}>" for name, text in {**ROLE, "SessionToken": "t"}.items() if name != "Token")
    server.serve("/", reply(f"<Credentials>{xml}</Credentials>".encode()))
    environ = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": "arn:r",
        "AWS_ENDPOINT_URL_STS": server.url,
    }
    assert aws.credentials(environ) == EXPECTED
    assert b"WebIdentityToken=identity" in server.requests[0].body


def test_credentials_of_a_profile(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(
        "[default]\naws_access_key_id=D\naws_secret_access_key=s\n[work]\naws_access_key_id=W\n"
    )
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c")}
    assert aws.credentials(environ) == aws.Keys("D", "s")
    assert aws.credentials({**environ, "AWS_PROFILE": "work"}) == aws.Keys("W", "")


def test_credentials_of_the_instance(server: Server) -> None:
    server.serve("/latest/api/token", reply(b"metadata-token"))
    server.serve(aws._INSTANCE_PATH, reply(b"the-role"))
    server.serve(aws._INSTANCE_PATH + "the-role", reply(json.dumps(ROLE).encode()))
    environ = {"AWS_METADATA_ENDPOINT": server.url, "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    assert aws.credentials(environ) == EXPECTED
    assert server.requests[-1].headers["x-aws-ec2-metadata-token"] == "metadata-token"


def test_no_credentials_are_told() -> None:
    with pytest.raises(CodeError, match=r"no AWS credentials found \(variables AWS_ACCESS_KEY_ID"):
        aws.credentials({"AWS_METADATA_ENDPOINT": "http://127.0.0.1:1", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"})
