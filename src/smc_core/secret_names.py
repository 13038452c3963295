"""Recognises the names of secrets: ``HF_TOKEN``, ``dbPassword``, ``PGPASSWORD``, ``DATABASE_URL``.

A value counts as a secret by its *name*. Standard library only.
"""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SECRET_WORDS = _set(
    "token tokens password passwords passwd passphrase passcode pwd secret secrets credential credentials creds apikey "
    "apitoken authkey accesskey secretkey privatekey privkey sshkey passkey keypass storepass authorization bearer jwt "
    "jwts cookie cookies webhook webhooks dsn connstr connectionstring sas otp totp"
)
_SECRET_ENDINGS = (
    "password", "passwd", "passphrase", "secret", "apikey", "accesskey", "secretkey", "privatekey", "credentials",
)  # fmt: skip
"""Endings of compound words: ``PGPASSWORD``, ``MYSECRET``."""
_KEY_OWNERS = _set(
    "api access secret private auth account license licence encryption signing ssh master app application service "
    "storage subscription deploy deployment host rsa dsa ecdsa ed25519 pem fernet jwt session cookie db database admin "
    "root client server tls ssl gpg pgp aes hmac webhook bot sas shared functions instrumentation vault openai "
    "anthropic wandb comet neptune cohere mistral gemini google gcp azure aws stripe huggingface hf replicate groq "
    "sendgrid twilio slack datadog sentry mailgun algolia pinecone weaviate qdrant langsmith langchain kaggle github "
    "gitlab"
)
_HARMLESS_BEFORE_KEY = _set(
    "sort primary foreign partition group join cache dict feature label target input output image text data config "
    "metric monitor hash lookup index map state name row column field value item public best loss score batch query "
    "attention user id"
)
_PASS_OWNERS = _set(
    "db database user sql mysql pg postgres postgresql admin root ftp smtp mail email http https proxy ssh redis mongo "
    "mongodb rabbitmq amqp ldap login registry docker git my"
)
_PAT_OWNERS = _set("github gh gitlab git azure devops ado ado personal databricks snowflake bitbucket docker")
_URL_OWNERS = _set(
    "database db redis mongo mongodb postgres postgresql pg mysql amqp rabbitmq broker celery sqlalchemy jdbc "
    "connection clickhouse"
)
_HARMLESS_BEFORE_TOKEN = _set(
    "pad eos bos unk mask cls sep start end stop special image video audio num max min n per total decoder prefix "
    "suffix forced"
)
"""``pad_token`` is a word of the model's vocabulary and ``max_tokens`` a number; neither is a secret."""
_HARMLESS_AFTER_TOKEN = _set("id ids len length count dim type types size limit embedding embeddings")
_PLACE_WORDS = _set("file path dir directory folder")
"""Last words of names that say where a secret is (``AWS_WEB_IDENTITY_TOKEN_FILE``), not what it is."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HYPERPARAMETER = "SM_HP_"
"""Prefix of the variables of hyperparameters: those are in capitals, whatever the case of the hyperparameter's name."""
_LONGEST = 1000


def is_secret(name: str) -> bool:
    """Whether this is the name of a secret: ``HF_TOKEN``, ``dbPassword``, ``api-key``.

    Args:
        name: name of a variable, a hyperparameter or a key, in any spelling; its first 1,000 characters count.

    """
    name = name[:_LONGEST]
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or name == "PWD" or words[-1] in _PLACE_WORDS:  # PWD is the shell's working directory
        return False
    if any(_is_secret_word(words, index) for index in range(len(words))):
        return True
    is_variable = name.isupper() and not name.startswith(_HYPERPARAMETER)
    return _is_secret_ending(words[-1], words[-2] if len(words) > 1 else "", is_variable=is_variable)


def _is_secret_word(words: list[str], index: int) -> bool:
    """Whether a word, at any position, makes a name that of a secret."""
    word = words[index]
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    if word in ("key", "keys"):
        return before in _KEY_OWNERS
    if word in ("token", "tokens"):
        return before not in _HARMLESS_BEFORE_TOKEN and after not in _HARMLESS_AFTER_TOKEN
    if word == "string":
        return before in ("connection", "conn")
    return word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS)


def _is_secret_ending(last: str, before: str, *, is_variable: bool) -> bool:
    """Whether the last word of a name makes it that of a secret, by the word before it.

    Args:
        last: the last word.
        before: the word before it; empty if there is none.
        is_variable: whether it is a variable's, in which ``KEY`` means one that opens something.

    """
    if last == "key":
        return is_variable and bool(before) and before not in _HARMLESS_BEFORE_KEY
    if last == "auth":
        return True
    owners = {"pass": _PASS_OWNERS, "pat": _PAT_OWNERS, "url": _URL_OWNERS, "uri": _URL_OWNERS}.get(last)
    return owners is not None and (before in owners or (not before and last in ("pass", "pat") and is_variable))
