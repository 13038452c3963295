"""Where packages come from: the index settings of pip, the same for uv, and a folder of wheels without network."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from smc_core.code.archive.formats import ARCHIVE_SUFFIXES
from smc_core.errors import CodeError

WHEELS_ENV = "SMC_WHEELS"
WHEELS_FOLDER = "wheels"
CODEARTIFACT_ENV = "CA_REPOSITORY_ARN"
_SETTING = re.compile(r"(global|install|:env:)\.([\w-]+)=(.*)")
_PRECEDENCE = ("global", "install", ":env:")
_SECRET = re.compile(r"://[^/\s:@]*:([^/\s@]+)@|://([^/\s:@]{8,})@")

_UV_VARIABLES = {
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "constraint": "UV_CONSTRAINT",
    "require-hashes": "UV_REQUIRE_HASHES",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}
"""What pip calls a setting → the variable by which uv takes the same."""
_UV_LISTS = {"UV_FIND_LINKS": ","}
"""What stands between the values of a list; a space for all others."""


@dataclass
class Index:
    """Where an installer looks for packages.

    Attributes:
        wheels: a folder of wheels that is used with no index; None for an index.
        settings: pip's settings by name, from its variables and configuration files; of those, the ones that matter.
        url: the index, credentials and all; None for the one that the installer takes by itself.
    """

    wheels: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    @property
    def secrets(self) -> list[str]:
        """Passwords and tokens in the URLs, to be masked in what an installer prints."""
        texts = [self.url or "", *self.settings.values()]
        found = [part for text in texts for match in _SECRET.finditer(text) for part in match.groups() if part]
        return [*found, *map(unquote, found)]

    def arguments(self) -> list[str]:
        """Arguments that both installers understand; no URL is among them, for other processes can read them."""
        if self.wheels is not None:
            return ["--no-index", "--find-links", self.wheels]
        return ["--no-index"] if _is_true(self.settings.get("no-index")) else []

    def pip_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """What pip needs besides its own settings."""
        if self.url and environ.get(CODEARTIFACT_ENV):
            return {"PIP_INDEX_URL": self.url}
        return {}

    def uv_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The same settings for uv, which reads none of pip's. What uv's own variables say stays."""
        found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # pip takes the best of all indexes, not of the first
        if self.url:
            found["UV_DEFAULT_INDEX"] = self.url
        for name, variable in _UV_VARIABLES.items():
            values = self.settings.get(name, "").split()
            if values:
                found[variable] = _UV_LISTS.get(variable, " ").join(values)
        if _is_true(self.settings.get("pre")):
            found["UV_PRERELEASE"] = "allow"
        bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
        if bundle and os.path.isfile(bundle):
            found.setdefault("SSL_CERT_FILE", bundle)
        if environ.get("UV_INDEX_URL"):
            found.pop("UV_DEFAULT_INDEX", None)
        return {name: value for name, value in found.items() if not environ.get(name)}


def find_index(folder: str, environ: Mapping[str, str]) -> Index:
    """Find out where packages come from.

    A folder of wheels (``SMC_WHEELS``, or ``wheels/`` in the code) is used with no index; else CodeArtifact
    (``CA_REPOSITORY_ARN``); else what pip's variables and configuration files say.

    Raises:
        CodeError: ``SMC_WHEELS`` names no folder of wheels, or CodeArtifact gives no token.

    """
    wheels = _wheels(folder, environ)
    if wheels is not None:
        return Index(wheels)
    settings = pip_settings(environ)
    if environ.get(CODEARTIFACT_ENV):
        from smc_core.code.needs.codeartifact import index_url

        return Index(None, settings, index_url(environ[CODEARTIFACT_ENV], environ))
    return Index(None, settings, settings.get("index-url"))


def pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of pip by name, from ``pip config list``: its files and its variables.

    Without pip, its variables alone.
    """
    by_source: dict[str, dict[str, str]] = {source: {} for source in _PRECEDENCE}
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            by_source[":env:"][name[len("PIP_") :].lower().replace("_", "-")] = value
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    for line in listing.stdout.splitlines():
        match = _SETTING.match(line)
        if match:
            by_source[match.group(1)][match.group(2)] = _unquoted(match.group(3))
    return {name: value for source in _PRECEDENCE for name, value in by_source[source].items()}


def _wheels(folder: str, environ: Mapping[str, str]) -> str | None:
    given = environ.get(WHEELS_ENV)
    path = os.path.join(folder, given or WHEELS_FOLDER)
    try:
        holds = os.path.isdir(path) and any(name.endswith(ARCHIVE_SUFFIXES) for name in os.listdir(path))
    except OSError as error:
        raise CodeError.of_reading(path, error) from error
    if given and not holds:
        raise CodeError(f"variable {WHEELS_ENV} names {given}, and {path} is no folder with wheels")
    return os.path.abspath(path) if holds else None


def _unquoted(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")
