"""Text as the kernel gets it: a locale other than UTF-8 cannot encode every hyperparameter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping


def encoded(text: str) -> bytes:
    """The bytes of a text: in the locale's encoding, or in UTF-8 if that cannot encode it."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def as_path(text: str) -> str:
    """A name in the form in which this process reads the names of files."""
    return os.fsdecode(encoded(text))


def encoded_all(texts: Iterable[str]) -> list[bytes]:
    """The bytes of several texts."""
    return [encoded(text) for text in texts]


def encoded_environ(environ: Mapping[str, str]) -> dict[bytes, bytes]:
    """Variables as bytes."""
    return {encoded(name): encoded(text) for name, text in environ.items()}


def become_environ(environ: Mapping[str, str]) -> None:
    """Replace all variables of this process by these."""
    os.environ.clear()
    for name, text in encoded_environ(environ).items():
        os.environb[name] = text
