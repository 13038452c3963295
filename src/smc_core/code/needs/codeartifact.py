"""AWS CodeArtifact as a package index: its URL with the token that it requires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from smc_core.code.aws import Keys, credentials, signed
from smc_core.code.location import harmless
from smc_core.errors import CodeError, ConfigurationError

_ARN = re.compile(r"arn:([\w-]+):codeartifact:([\w-]+):(\d+):repository/([^/]+)/([^/]+)")
_SECONDS = 30.0


def index_url(arn: str, environ: Mapping[str, str]) -> str:
    """The URL of a repository's package index, including a token that is valid for twelve hours.

    The URL is a secret: pass it in a variable, never on a command line.

    Args:
        arn: ``arn:aws:codeartifact:REGION:ACCOUNT:repository/DOMAIN/REPOSITORY`` (``CA_REPOSITORY_ARN``).
        environ: the variables, for credentials.

    Raises:
        ConfigurationError: the ARN is malformed.
        CodeError: there are no credentials, or the service refuses.

    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ConfigurationError(
            f"variable CA_REPOSITORY_ARN is {arn!r}, "
            "not arn:aws:codeartifact:REGION:ACCOUNT:repository/DOMAIN/REPOSITORY"
        )
    partition, region, account, domain, repository = found.groups()
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    service = environ.get("AWS_ENDPOINT_URL_CODEARTIFACT") or f"https://codeartifact.{region}.{suffix}"
    place = {"domain": domain, "domain-owner": account}
    keys = credentials(environ)
    token = _call(
        "POST", f"{service}/v1/authorization-token", {**place, "duration": "43200"}, region, keys, "authorizationToken"
    )
    endpoint = _call(
        "GET",
        f"{service}/v1/repository/endpoint",
        {**place, "format": "pypi", "repository": repository},
        region,
        keys,
        "repositoryEndpoint",
    )
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://aws:{quote(token, safe='')}@{rest.rstrip('/')}/simple/"


def _call(method: str, url: str, query: Mapping[str, str], region: str, keys: Keys, field: str) -> str:
    import requests

    url = f"{url}?{urlencode(query, quote_via=quote)}"
    headers = signed(method, url, "codeartifact", region, keys)
    try:
        answer = requests.request(method, url, headers=headers, timeout=_SECONDS)
        body = answer.json() if answer.content else {}
    except (requests.RequestException, ValueError) as error:
        raise CodeError("CodeArtifact cannot be reached, or does not answer in JSON") from harmless(error)
    if not answer.ok or field not in body:
        kind = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
        raise CodeError(f"CodeArtifact refuses: HTTP {answer.status_code} {kind} {body.get('message', '')}".rstrip())
    return str(body[field])
