"""Keeps secrets out of everything that smc writes.

A value is recognised as a secret by its name (:mod:`smc_core.secret_names`), or by its place in a URL. Only text that
smc writes itself is masked (its log lines, ``output/failure``, ``smc env``, ``smc plan``, ``smc why``, the record of a
local job); the output of the user's code is passed on byte for byte. Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from smc_core.errors import ConfigurationError
from smc_core.json_file import parse_json, read_json_text
from smc_core.secret_names import is_secret
from smc_core.settings import MAX_CONFIG_BYTES

MASK = "****"

_TRIVIAL = re.compile(r"(?i)|true|false|yes|no|on|off|none|null|auto|[-+.0-9]{1,5}")
_SHORT = 8
"""A secret with fewer characters is masked only as a separate word."""
_LONGEST_SPELLED = 64 * 1024
"""A secret with more characters is searched for only literally, in no other spelling."""
_PEM_LINE = "-----"
_URL_END = re.compile(r"[\s'\"<>]")
_REQUEST = re.compile(r"(?<=url: )(/[^\s?#'\"<>]*)\?[^\s#'\"<>]*")
"""How errors of urllib3 show the requested path: ``… with url: /path?query``."""
_HARMLESS_USER = "git"


def mask_urls(text: str) -> str:
    """Replace user, password and query of every URL in a text by ``****``.

    A token may be the user or the password; signed URLs have their signature in the query. The user ``git`` without a
    password is kept, and so is a fragment (``#sha256=…``), except for values with a secret's name. It takes linear
    time.
    """
    if "://" not in text:
        return _REQUEST.sub(rf"\1?{MASK}", text) if "url: /" in text else text
    parts: list[str] = []
    position = 0
    while (found := text.find("://", position)) >= 0:
        begin = found + 3
        end = _URL_END.search(text, begin)
        stop = end.start() if end else len(text)
        while stop > begin and text[stop - 1] == "\\":
            stop -= 1  # the backslash belongs to an escaped quote in JSON
        parts += [text[position:begin], _masked_url(text[begin:stop])]
        position = stop
    return _REQUEST.sub(rf"\1?{MASK}", "".join([*parts, text[position:]]))


def _masked_url(url: str) -> str:
    """Mask the part of a URL after ``://``; its path may contain further URLs."""
    head, mark, fragment = url.partition("#")
    rest = ""
    if "@" in fragment.partition("/")[0] and "@" not in head.partition("/")[0]:  # a password with # in it
        head, mark, fragment = url, "", ""
    place, question, query = _split_query(head)
    if question:
        rest = f"?{MASK}{query[len(query.rstrip(').,;]}')) :]}"
    pieces = [_without_user(piece) for piece in place.split("://")]
    return "://".join(pieces) + rest + mark + _masked_fragment(fragment)


def _split_query(head: str) -> tuple[str, str, str]:
    """Split a URL at its query; a question mark in a password does not begin one."""
    user_end = head.partition("/")[0].rfind("@") + 1
    place, question, query = head[user_end:].partition("?")
    return head[:user_end] + place, question, query


def _without_user(piece: str) -> str:
    authority, slash, path = piece.partition("/")
    user, at, host = authority.rpartition("@")
    if not at or user == _HARMLESS_USER:
        return piece
    return f"{MASK}@{host}{slash}{path}"


def _masked_fragment(fragment: str) -> str:
    if "=" not in fragment:
        return fragment
    pairs = [pair.partition("=") for pair in fragment.split("&")]
    return "&".join(f"{name}={MASK}" if value and is_secret(name) else name + is_ + value for name, is_, value in pairs)


def secret_values(names_to_values: Mapping[str, object]) -> frozenset[str]:
    """The texts of all values with a secret name, including those inside JSON objects.

    They include passwords in URLs, whatever the name of the value. Very common values (``true``, ``none``, numbers of
    up to five digits) are omitted: masking them would make texts unreadable and protect nothing.
    """
    return frozenset(text for text in _secret_texts(names_to_values.items()) if not _TRIVIAL.fullmatch(text))


class Masker:
    """Replaces secrets in text.

    Args:
        secrets: the texts to hide.

    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: a pattern takes the first alternative that fits, and one secret may begin with another.
        spellings = sorted({form for secret in secrets for form in _spellings(secret)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_as_pattern, spellings))) if spellings else None

    @classmethod
    def of_job(cls, environ: Mapping[str, str], hyperparameters_file: str) -> Masker:
        """A masker for a job, from its variables and its ``hyperparameters.json``, if that can be read."""
        return cls(secret_values(environ) | secret_values(_read_object(hyperparameters_file, environ)))

    def __call__(self, text: str) -> str:
        """Replace every secret, and user, password and query of every URL, by ``****``."""
        if self._pattern is not None:  # before the URLs: a secret may contain one, and would no longer be found
            text = self._pattern.sub(MASK, text)
        return mask_urls(text)


def masked(value: object, name: str = "") -> object:
    """A value in which everything with a secret name is masked, and the secret parts of URLs.

    Args:
        value: text, number, or an object or list of such.
        name: the name of the value.

    """
    if name and is_secret(name):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return mask_urls(value) if isinstance(value, str) else value


def _read_object(path: str, environ: Mapping[str, str]) -> dict[str, object]:
    try:
        value = parse_json(read_json_text(path, MAX_CONFIG_BYTES.of(environ)))
    except (OSError, ValueError, ConfigurationError):
        return {}
    return value if isinstance(value, dict) else {}


def _secret_texts(items: Iterable[tuple[str, object]]) -> Iterator[str]:
    """The texts of values with a secret name, at any depth in objects, lists, and texts that contain JSON."""
    waiting = list(items)  # a list rather than recursion: how deep the values go is not in smc's hands
    while waiting:
        name, value = waiting.pop()
        if is_secret(name):
            yield from _leaves(value)
        elif isinstance(value, str):
            if "://" in value:
                yield from _url_secrets(value)
            waiting.append(("", _parsed(value) if value[:1] in ("{", "[") else None))
        elif isinstance(value, list):
            waiting += (("", element) for element in value)
        elif isinstance(value, dict):
            waiting += value.items()


def _parsed(text: str) -> object:
    """The value of a text in JSON; None if it is not valid JSON."""
    try:
        value: object = parse_json(text)
    except ValueError:
        return None
    return value


def _url_secrets(text: str) -> Iterator[str]:
    """The passwords in the URLs of a text, and users without a password if they are long: those are tokens."""
    for piece in text.split("://")[1:]:
        user, at, _ = _URL_END.split(piece, maxsplit=1)[0].partition("/")[0].rpartition("@")
        name, colon, password = user.partition(":")
        secret = password if colon else name
        if at and len(secret) >= (1 if colon else _SHORT):
            from urllib.parse import unquote  # imported here: it takes some milliseconds, and most jobs have no secret

            yield secret
            yield unquote(secret)


def _leaves(value: object) -> Iterator[str]:
    """A secret's text itself, its lines, and the texts inside it if it is JSON or a URL."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value
            yield value.strip()
            yield from _lines(value)
            yield from _url_secrets(value)
            waiting.append(_parsed(value) if value[:1] in ("{", "[", '"') else None)
        elif value is not None:
            yield json.dumps(value)


def _lines(value: str) -> Iterator[str]:
    """The lines of a multi-line secret, such as a key in PEM, that are long enough to identify it."""
    lines = [line.strip() for line in value.replace("\\n", "\n").splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORT and not line.startswith(_PEM_LINE))


def _spellings(secret: str) -> set[str]:
    """The spellings of a secret in text: plain, quoted by Python or JSON, and encoded in a URL."""
    if len(secret) > _LONGEST_SPELLED:
        return {secret}
    from urllib.parse import quote as quoted_path
    from urllib.parse import quote_plus

    quoted = (repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False))
    forms = {secret, *(text[1:-1] for text in quoted)}
    for quote in (quoted_path, quote_plus):
        for safe in ("", "/"):
            encoded = quote(secret, safe=safe, errors="surrogatepass")  # variables may contain unpaired surrogates
            forms |= {encoded, _ESCAPE.sub(lambda match: match.group().lower(), encoded)}
    return forms


_ESCAPE = re.compile(r"%[0-9A-F]{2}")


def _as_pattern(secret: str) -> str:
    pattern = re.escape(secret)
    return pattern if len(secret) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"
