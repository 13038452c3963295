"""Text as the kernel gets it: a locale that is not UTF-8 cannot spell every hyperparameter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping


def encoded(text: str) -> bytes:
    """The bytes of a text: in the locale's encoding, or in UTF-8 where that has none for it."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def as_path(text: str) -> str:
    """A name that came as text, in the form in which this process gets the names of files."""
    return os.fsdecode(encoded(text))


def encoded_all(texts: Iterable[str]) -> list[bytes]:
    """The bytes of each of several texts."""
    return [encoded(text) for text in texts]


def encoded_environ(environ: Mapping[str, str]) -> dict[bytes, bytes]:
    """Variables as bytes."""
    return {encoded(name): encoded(text) for name, text in environ.items()}


def become_environ(environ: Mapping[str, str]) -> None:
    """Make these the variables of this process, in place of those that it has."""
    os.environ.clear()
    for name, text in encoded_environ(environ).items():
        os.environb[name] = text
