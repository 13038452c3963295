"""What looks like a secret, and how smc keeps it out of everything that it writes.

A value is a secret by the *name* it goes under: a variable of the environment, a hyperparameter, a key
inside a hyperparameter that holds an object. Only text that smc writes itself is masked (its log lines,
``output/failure``, ``smc env``); what the user's code prints passes byte for byte. Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

MASK = "****"

_SECRET_WORDS = frozenset(
    {
        "token",
        "tokens",
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "apikey",
        "apitoken",
        "authkey",
        "accesskey",
        "secretkey",
        "privatekey",
        "authorization",
    }
)
_KEY_OWNERS = frozenset(
    {
        "api",
        "access",
        "secret",
        "private",
        "auth",
        "account",
        "license",
        "licence",
        "encryption",
        "signing",
        "ssh",
        "master",
    }
)
_HARMLESS_BEFORE_TOKEN = frozenset(
    {
        "pad",
        "eos",
        "bos",
        "unk",
        "mask",
        "cls",
        "sep",
        "start",
        "end",
        "stop",
        "special",
        "image",
        "video",
        "audio",
        "num",
        "max",
        "min",
        "n",
        "per",
        "total",
        "decoder",
        "prefix",
        "suffix",
        "forced",
    }
)
"""``pad_token`` is a word of the model's vocabulary and ``max_tokens`` a number; neither is a secret."""
_HARMLESS_AFTER_TOKEN = frozenset(
    {
        "id",
        "ids",
        "len",
        "length",
        "count",
        "dim",
        "type",
        "types",
        "size",
        "limit",
        "embedding",
        "embeddings",
    }
)
_PLACE_WORDS = frozenset({"file", "path", "dir", "directory", "folder"})
"""A name that ends so tells where a secret lies (``AWS_WEB_IDENTITY_TOKEN_FILE``), not what it is."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")
_TRIVIAL = re.compile(r"(?i)|true|false|yes|no|on|off|none|null|auto|[-+.0-9]{1,5}")
_SHORT = 8
"""Characters below which a secret is masked only where it stands as a word of its own."""


def is_secret(name: str) -> bool:
    """Whether what goes under this name looks like a secret: ``HF_TOKEN``, ``dbPassword``, ``api-key``.

    Args:
        name: name of a variable, a hyperparameter or a key, in any spelling.

    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if name == "PWD" or (words and words[-1] in _PLACE_WORDS):  # PWD is the shell's working directory
        return False
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        after = words[index + 1] if index + 1 < len(words) else ""
        if word in ("key", "keys") and before in _KEY_OWNERS:
            return True
        harmless = before in _HARMLESS_BEFORE_TOKEN or after in _HARMLESS_AFTER_TOKEN
        if word in _SECRET_WORDS and not (harmless and word in ("token", "tokens")):
            return True
    return False


def secret_values(names_to_values: Mapping[str, object]) -> frozenset[str]:
    """The texts of all values that go under a secret name, also inside values that are JSON objects.

    Values too common to mean anything (``true``, ``none``, numbers of up to five digits) are left out:
    masking them would make a text unreadable and protect nothing.
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
        return cls(secret_values(environ) | secret_values(_read_object(hyperparameters_file)))

    def __call__(self, text: str) -> str:
        """The text with every secret, and the password of every URL, replaced by ``****``."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _URL_PASSWORD.sub(rf"\g<1>{MASK}", text)


def _read_object(path: str) -> dict[str, object]:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _secret_texts(items: Iterable[tuple[str, object]]) -> Iterator[str]:
    for name, value in items:
        if is_secret(name):
            yield from _leaves(value)
        else:
            yield from _secret_texts(_inner_items(value))


def _inner_items(value: object) -> Iterable[tuple[str, object]]:
    """The named values inside a value: an object, text that is one in JSON, the objects in a list."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ()
    if isinstance(value, list):
        return [item for element in value for item in _inner_items(element)]
    return value.items() if isinstance(value, dict) else ()


def _leaves(value: object) -> Iterator[str]:
    """A secret's text as it stands, and the texts inside it where it is JSON."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
        yield value.strip()
        if value[:1] in ("{", "[", '"'):
            try:
                yield from _leaves(json.loads(value))
            except (ValueError, RecursionError):
                return
    elif value is not None:
        yield json.dumps(value)


def _spellings(secret: str) -> set[str]:
    """A secret as it appears in text: plain, and inside the quotes of Python and of JSON."""
    quoted = (repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False))
    return {secret, *(text[1:-1] for text in quoted)}


def _as_pattern(secret: str) -> str:
    pattern = re.escape(secret)
    return pattern if len(secret) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"
