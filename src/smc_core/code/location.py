"""Where code is: a folder, a file or a URL, recognised by its text, and printable without credentials."""

from __future__ import annotations

import os
import re
import urllib.parse
from dataclasses import dataclass
from typing import Literal

from smc_core.errors import CodeError
from smc_core.masking import mask_urls
from smc_core.printable import shortened

Scheme = Literal["file", "http", "https", "s3"]

_LONGEST_PATH = 4095
"""Linux's ``PATH_MAX``, without the closing NUL."""
_LONGEST_URL = 16 * 1024
"""Signed URLs have about 2,000 characters."""
_LONGEST_SHOWN = 500
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,31})://")
_CHECKSUM = re.compile(r"#(?:[^#]*&)?(sha256|sha384|sha512)=([^&#]*)$")
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True)
class Location:
    """A place that code is fetched from.

    Attributes:
        scheme: how it is reached.
        target: an absolute path (``file``), or the URL without its fragment.
        name: the last part of its path, whose suffix marks an archive; may be empty.
        printable: the location as a log may show it.
        checksum: algorithm and hexadecimal digest that the content must have, from ``#sha256=…``; None for none.
    """

    scheme: Scheme
    target: str
    name: str
    printable: str
    checksum: tuple[str, str] | None = None


def parse(url: str | os.PathLike[str]) -> Location:
    """Parse the location of the code as the user gave it.

    Args:
        url: a path, absolute or relative to the working directory, or a ``file://``, ``http://``, ``https://`` or
            ``s3://`` URL.

    Raises:
        CodeError: it is empty or malformed, or its scheme is not supported.

    """
    text = os.fspath(url).strip()
    if not text or "\0" in text:
        raise CodeError("no location is given to fetch code from")
    found = _URL.match(text)
    longest = _LONGEST_PATH if found is None else _LONGEST_URL
    if len(text) > longest:
        shown = shortened(mask_urls(text), 100)
        raise CodeError(
            f"{shown!r} is not a location of code: it has {len(text):,} characters, and {longest:,} is the most"
        )
    if found is None:
        return _local(text)
    checksum = _checksum(text)
    scheme = found.group(1).lower()
    if scheme == "s3":
        return _s3(_CHECKSUM.sub("", text), checksum)
    if scheme in ("http", "https"):
        return _http("https" if scheme == "https" else "http", text, checksum)
    if scheme == "file":
        return _file(text, checksum)
    raise CodeError(
        f"{_shown(text)}: {scheme}:// is not supported; "
        "give a path, or a URL that begins with s3://, https://, http:// or file://"
    )


def harmless(error: BaseException) -> Exception:
    """A library's error as one whose text can be shown: the original contains whole URLs, with their queries."""
    return ConnectionError(f"{type(error).__name__}: {mask_urls(str(error))}")


def _shown(text: str) -> str:
    """A location as messages and logs show it."""
    return shortened(mask_urls(text), _LONGEST_SHOWN)


def _local(text: str) -> Location:
    path = os.path.abspath(os.path.expanduser(text))
    return Location("file", path, os.path.basename(path), _shown(path))


def _file(text: str, checksum: tuple[str, str] | None) -> Location:
    parts = urllib.parse.urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        shown = _shown(text)
        raise CodeError(f"{shown}: a file:// URL cannot name a host; write file://{parts.path or '/path'}")
    path = os.path.abspath(urllib.parse.unquote(parts.path))
    return Location("file", path, os.path.basename(path), _shown(path), checksum)


def _http(scheme: Literal["http", "https"], text: str, checksum: tuple[str, str] | None) -> Location:
    try:
        parts = urllib.parse.urlsplit(text)
        malformed = not parts.hostname or parts.port == 0
    except ValueError:
        malformed = True
    if malformed:
        raise CodeError(f"{_shown(text)} is not a valid URL")
    target = text.partition("#")[0]
    name = urllib.parse.unquote(parts.path).rstrip("/").rpartition("/")[2]
    return Location(scheme, target, name, _shown(target), checksum)


def _s3(text: str, checksum: tuple[str, str] | None) -> Location:
    bucket, _, key = text[len("s3://") :].partition("/")
    if not bucket or "@" in bucket or ":" in bucket:
        raise CodeError(f"{_shown(text)}: an S3 URL has the form s3://bucket/key")
    url = f"s3://{bucket}/{key}"
    return Location("s3", url, key.rstrip("/").rpartition("/")[2], _shown(url), checksum)


def _checksum(text: str) -> tuple[str, str] | None:
    found = _CHECKSUM.search(text)
    if found is None:
        return None
    algorithm, digest = found.group(1), found.group(2).lower()
    if len(digest) != _DIGITS[algorithm] or set(digest) - set("0123456789abcdef"):
        raise CodeError(
            f"{_shown(text.partition('#')[0])}: #{algorithm}= needs {_DIGITS[algorithm]} "
            f"hexadecimal digits, not {shortened(digest, 140)!r}"
        )
    return algorithm, digest
