"""Recognises errors of Gloo."""

from __future__ import annotations


def is_of_gloo(message: str) -> bool:
    """Whether the text of a RuntimeError is from Gloo: it begins with the place in Gloo's source that raised it."""
    return message.startswith("[") and "/gloo/" in message.partition("]")[0]
