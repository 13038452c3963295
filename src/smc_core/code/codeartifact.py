"""AWS CodeArtifact as a package index: the token that its repository asks for."""

from __future__ import annotations

from collections.abc import Mapping


def index_url(arn: str, environ: Mapping[str, str]) -> str:
    """The URL of a repository's index, with a fresh token in it."""
    raise NotImplementedError(arn, environ)
