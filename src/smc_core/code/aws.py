"""Finds AWS credentials as the AWS tools do, and signs requests (Signature Version 4)."""

from __future__ import annotations

import configparser
import datetime
import hashlib
import hmac
import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smc_core.code.location import harmless
from smc_core.errors import CodeError

_CONTAINER_HOST = "http://169.254.170.2"
_INSTANCE_HOST = "http://169.254.169.254"
_INSTANCE_PATH = "/latest/meta-data/iam/security-credentials/"
_SECONDS = 5.0
"""Time limit for the services that issue credentials; they are on the same machine or network."""


@dataclass(frozen=True)
class Keys:
    """AWS credentials."""

    access_key: str
    secret_key: str
    token: str | None = None


def credentials(environ: Mapping[str, str]) -> Keys:
    """Find credentials: from variables, a web identity, the container, a profile, or the instance, in this order.

    Raises:
        CodeError: there are none, or the service that issues them fails.

    """
    import requests

    if environ.get("AWS_ACCESS_KEY_ID"):
        return Keys(
            environ["AWS_ACCESS_KEY_ID"], environ.get("AWS_SECRET_ACCESS_KEY", ""), environ.get("AWS_SESSION_TOKEN")
        )
    try:
        for source in (_of_web_identity, _of_container, _of_profile, _of_instance):
            found = source(environ)
            if found is not None:
                return found
    except (requests.RequestException, OSError, ValueError, KeyError) as error:
        raise CodeError(f"AWS credentials cannot be fetched: {type(error).__name__}") from harmless(error)
    raise CodeError("no AWS credentials found")  # not reached: the instance comes last, and raises an error


def profile(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of a profile (``AWS_PROFILE``, or ``default``) in the shared credentials file; empty for none."""
    path = environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.expanduser("~/.aws/credentials")
    parser = configparser.RawConfigParser()
    try:
        parser.read(path)
        return dict(parser.items(environ.get("AWS_PROFILE") or "default"))
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}


def signed(
    method: str, url: str, service: str, region: str, keys: Keys, now: datetime.datetime | None = None
) -> dict[str, str]:
    """The headers that sign a request without a body (AWS IAM User Guide, "Create a signed AWS API request").

    Args:
        method: ``GET`` or ``POST``.
        url: the URL; names and values in its query are percent-encoded.
        service: name of the service, such as ``codeartifact``.
        region: name of the region.
        keys: the credentials.
        now: the time, by default the present.

    """
    parts = urllib.parse.urlsplit(url)
    stamp = (now or datetime.datetime.now(datetime.timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-date": stamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    query = "&".join(sorted(parts.query.split("&"), key=lambda pair: pair.split("=", 1)))
    request = "\n".join([method, parts.path or "/", query, listed, names, hashlib.sha256(b"").hexdigest()])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _of_container(environ: Mapping[str, str]) -> Keys | None:
    relative, full = (environ.get(f"AWS_CONTAINER_CREDENTIALS_{kind}_URI") for kind in ("RELATIVE", "FULL"))
    if not relative and not full:
        return None
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        with open(environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], encoding="utf-8") as file:
            token = file.read().strip()
    url = _CONTAINER_HOST + relative if relative else str(full)
    return _keys(_get(url, {"Authorization": token} if token else {}).json())


def _of_web_identity(environ: Mapping[str, str]) -> Keys | None:
    path, role = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
    if not path or not role:
        return None
    import requests

    with open(path, encoding="utf-8") as file:
        token = file.read().strip()
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    url = environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com/"
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": environ.get("AWS_ROLE_SESSION_NAME") or "smc",
        "WebIdentityToken": token,
    }
    answer = requests.post(url, data=form, timeout=6 * _SECONDS)
    answer.raise_for_status()
    return _keys(dict(re.findall(r"<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]+)<", answer.text)))


def _of_profile(environ: Mapping[str, str]) -> Keys | None:
    found = profile(environ)
    if not found.get("aws_access_key_id"):
        return None
    return Keys(found["aws_access_key_id"], found.get("aws_secret_access_key", ""), found.get("aws_session_token"))


def _of_instance(environ: Mapping[str, str]) -> Keys | None:
    import requests

    host = environ.get("AWS_METADATA_ENDPOINT") or environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _INSTANCE_HOST
    host = host.rstrip("/")
    try:
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = requests.put(f"{host}/latest/api/token", headers=lifetime, timeout=_SECONDS)
        token.raise_for_status()
    except requests.RequestException as error:
        raise CodeError(
            "no AWS credentials found (variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a role of the "
            "container or the instance, ~/.aws/credentials)"
        ) from harmless(error)
    headers = {"X-aws-ec2-metadata-token": token.text}
    role = _get(host + _INSTANCE_PATH, headers).text.strip()
    return _keys(_get(f"{host}{_INSTANCE_PATH}{role}", headers).json())


def _get(url: str, headers: Mapping[str, str]) -> Any:
    import requests

    answer = requests.get(url, headers=dict(headers), timeout=_SECONDS)
    answer.raise_for_status()
    return answer


def _keys(answer: Mapping[str, str]) -> Keys:
    token = answer.get("Token") or answer.get("SessionToken")
    return Keys(answer["AccessKeyId"], answer["SecretAccessKey"], token)
