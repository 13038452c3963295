"""How smc keeps secrets out of everything that it writes.

A value is a secret by the name it goes under (:mod:`smc_core.secret_names`), or by its place in a URL. Only text that
smc writes itself is masked (its log lines, ``output/failure``, ``smc env``, ``smc plan``, ``smc why``, the record of a
local job); what the user's code prints passes byte for byte. Standard library only.
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
"""Characters below which a secret is masked only where it stands as a word of its own."""
_LONGEST_SPELLED = 64 * 1024
"""Characters above which a secret is looked for as it stands, and in no other spelling."""
_PEM_LINE = "-----"
_URL_END = re.compile(r"[\s'\"<>]")
_REQUEST = re.compile(r"(?<=url: )(/[^\s?#'\"<>]*)\?[^\s#'\"<>]*")
"""How urllib3 writes in its errors what was asked for: ``… with url: /path?query``."""
_HARMLESS_USER = "git"


def mask_urls(text: str) -> str:
    """The text with user, password and query of every URL in it replaced by ``****``.

    A token may be the user or the password; a query is where signed URLs carry their signature. The user ``git``
    without a password stays, and so does a fragment (``#sha256=…``) but for what has a secret's name in it. The time
    it takes grows with the length of the text and no faster.
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
            stop -= 1  # that of a quote in JSON
        parts += [text[position:begin], _masked_url(text[begin:stop])]
        position = stop
    return _REQUEST.sub(rf"\1?{MASK}", "".join([*parts, text[position:]]))


def _masked_url(url: str) -> str:
    """What follows ``://``, up to the end; further URLs may follow in its path."""
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
    """Part a URL at its query; a question mark in a password begins none."""
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
    """The texts of all values that go under a secret name, also inside values that are JSON objects.

    Passwords in URLs are among them, whatever name a URL goes under. Values too common to mean anything (``true``,
    ``none``, numbers of up to five digits) are left out: masking them would make a text unreadable and protect nothing.
    """
    return frozenset(text for text in _secret_texts(names_to_values.items()) if not _TRIVIAL.fullmatch(text))


class Masker:
    """Replaces secrets in text.

    Args:
        secrets: the texts to hide.

    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = sorted({form for secret in secrets for form in _spellings(secret)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_as_pattern, spellings))) if spellings else None

    @classmethod
    def of_job(cls, environ: Mapping[str, str], hyperparameters_file: str) -> Masker:
        """A masker for a job: its variables, and ``hyperparameters.json`` where it can be read."""
        return cls(secret_values(environ) | secret_values(_read_object(hyperparameters_file, environ)))

    def __call__(self, text: str) -> str:
        """The text with every secret, and user, password and query of every URL, replaced by ``****``."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return mask_urls(text)


def masked(value: object, name: str = "") -> object:
    """A value with everything masked in it that goes under a secret's name, and the secret parts of URLs.

    Args:
        value: text, number, or an object or list of such.
        name: the name that it goes under.

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
    """The texts of what goes under a secret name, however deep it is inside objects, lists and JSON in texts."""
    waiting = list(items)
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
    """What a text is in JSON; None where it is none that anybody can use."""
    try:
        value: object = parse_json(text)
    except ValueError:
        return None
    return value


def _url_secrets(text: str) -> Iterator[str]:
    """The passwords in the URLs of a text, and users of eight characters and more without one: tokens."""
    for piece in text.split("://")[1:]:
        user, at, _ = _URL_END.split(piece, maxsplit=1)[0].partition("/")[0].rpartition("@")
        name, colon, password = user.partition(":")
        secret = password if colon else name
        if at and len(secret) >= (1 if colon else _SHORT):
            from urllib.parse import unquote  # it costs some milliseconds, and most jobs have no secret

            yield secret
            yield unquote(secret)


def _leaves(value: object) -> Iterator[str]:
    """A secret's text as it stands, its lines, and the texts inside it where it is JSON or a URL."""
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
    """Each line of a secret of several, such as a key in PEM, that could be recognized as part of it."""
    lines = [line.strip() for line in value.replace("\\n", "\n").splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORT and not line.startswith(_PEM_LINE))


def _spellings(secret: str) -> set[str]:
    """A secret as it appears in text: plain, inside the quotes of Python and of JSON, and in a URL."""
    if len(secret) > _LONGEST_SPELLED:
        return {secret}
    from urllib.parse import quote as quoted_path
    from urllib.parse import quote_plus

    quoted = (repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False))
    forms = {secret, *(text[1:-1] for text in quoted)}
    for quote in (quoted_path, quote_plus):
        for safe in ("", "/"):
            encoded = quote(secret, safe=safe, errors="surrogatepass")
            forms |= {encoded, _ESCAPE.sub(lambda match: match.group().lower(), encoded)}
    return forms


_ESCAPE = re.compile(r"%[0-9A-F]{2}")


def _as_pattern(secret: str) -> str:
    pattern = re.escape(secret)
    return pattern if len(secret) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"
