"""Where packages come from: pip's index settings, the same for uv, and a folder of wheels without a network."""

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
"""Where pip's settings come from; a later one overrides an earlier one."""
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
"""pip's name of a setting → uv's variable for the same."""
_UV_LISTS = {"UV_FIND_LINKS": ","}
"""The separator in a list of values; a space for all others."""


@dataclass
class Index:
    """Where an installer looks for packages.

    Attributes:
        wheels: a folder of wheels to use without an index; None for an index.
        settings: pip's settings by name, from its variables and configuration files.
        url: the index, including credentials; None for the installer's default.
    """

    wheels: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    @property
    def secrets(self) -> list[str]:
        """Passwords and tokens in the URLs, to be masked in an installer's output."""
        texts = [self.url or "", *self.settings.values()]
        found = [part for text in texts for match in _SECRET.finditer(text) for part in match.groups() if part]
        return [*found, *map(unquote, found)]  # as written, and as sent to the index

    def arguments(self) -> list[str]:
        """Arguments for both installers; they contain no URL, since other processes can read command lines."""
        if self.wheels is not None:
            return ["--no-index", "--find-links", self.wheels]
        return ["--no-index"] if _is_true(self.settings.get("no-index")) else []

    def pip_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Variables that pip needs in addition to its own settings."""
        if self.url and environ.get(CODEARTIFACT_ENV):
            return {"PIP_INDEX_URL": self.url}
        return {}

    def uv_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The same settings for uv, which does not read pip's. uv's own variables take precedence."""
        found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip: the best version of all indexes, not of the first
        if self.url:
            found["UV_DEFAULT_INDEX"] = self.url
        for name, variable in _UV_VARIABLES.items():
            values = self.settings.get(name, "").split()
            if values:
                found[variable] = _UV_LISTS.get(variable, " ").join(values)
        if _is_true(self.settings.get("pre")):
            found["UV_PRERELEASE"] = "allow"
        # pip reads these two through requests.
        bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
        if bundle and os.path.isfile(bundle):
            found.setdefault("SSL_CERT_FILE", bundle)
        if environ.get("UV_INDEX_URL"):  # uv's older name for the same: it must not be overridden
            found.pop("UV_DEFAULT_INDEX", None)
        return {name: value for name, value in found.items() if not environ.get(name)}


def find_index(folder: str, environ: Mapping[str, str]) -> Index:
    """Find out where packages come from.

    A folder of wheels (``SMC_WHEELS``, or ``wheels/`` in the code) is used without an index. Otherwise it is
    CodeArtifact (``CA_REPOSITORY_ARN``), or else the index in pip's variables and configuration files.

    Raises:
        CodeError: ``SMC_WHEELS`` does not name a folder of wheels, or CodeArtifact gives no token.

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

    If pip is not installed, only its variables.
    """
    by_source: dict[str, dict[str, str]] = {source: {} for source in _PRECEDENCE}
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            by_source[":env:"][name[len("PIP_") :].lower().replace("_", "-")] = value
    # By its command: pip has no public Python interface.
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
        raise CodeError(f"variable {WHEELS_ENV} is {given}, but {path} is not a folder with wheels")
    return os.path.abspath(path) if holds else None


def _unquoted(text: str) -> str:
    try:  # pip prints a value as a Python literal
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")
