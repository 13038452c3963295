"""What a local job was asked with and is not kept in its record: secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from smc_core.local.request import Request
from smc_core.masking import MASK, Masker, secret_values
from smc_core.secret_names import is_secret

TARGET = "TARGET"
"""Stands in a list of what is withheld for a target whose URL has credentials."""


def without_secrets(request: Request) -> tuple[Request, list[str]]:
    """A request as it may be kept.

    Returns:
        The request, secrets masked; and what is masked: ``-p NAME``, ``-e NAME``, ``TARGET``.

    """
    mask = Masker(secret_values({**request.hyperparameters, **request.variables}))
    kept = dataclasses.replace(
        request,
        target=mask(request.target),
        hyperparameters=_kept(request.hyperparameters, mask),
        variables=_kept(request.variables, mask),
    )
    changed = [f"-p {name}" for name, text in kept.hyperparameters.items() if text != request.hyperparameters[name]]
    changed += [f"-e {name}" for name, text in kept.variables.items() if text != request.variables[name]]
    return kept, changed + ([TARGET] if kept.target != request.target else [])


def _kept(texts: Mapping[str, str], mask: Masker) -> dict[str, str]:
    return {name: MASK if is_secret(name) and text else mask(text) for name, text in texts.items()}
