"""What a local job was asked with and is not kept in its record: secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from smc_core.local.request import Request
from smc_core.masking import MASK, Masker, secret_values
from smc_core.secret_names import is_secret


@dataclasses.dataclass(frozen=True)
class Withheld:
    """What of a request is not kept.

    Attributes:
        hyperparameters: their names.
        variables: their names.
        target: whether the target is, as its URL has credentials.
    """

    hyperparameters: list[str] = dataclasses.field(default_factory=list)
    variables: list[str] = dataclasses.field(default_factory=list)
    target: bool = False

    def __post_init__(self) -> None:
        """Check what a file may have said.

        Raises:
            TypeError: a field has the wrong type.

        """
        for names in (self.hyperparameters, self.variables):
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError(f"not a list of names: {names!r}")
        if not isinstance(self.target, bool):
            raise TypeError(f"neither true nor false: {self.target!r}")


def without_secrets(request: Request) -> tuple[Request, Withheld]:
    """A request as it may be kept, secrets masked; and what is masked."""
    mask = Masker(secret_values({**request.hyperparameters, **request.variables}))
    kept = dataclasses.replace(
        request,
        target=mask(request.target),
        hyperparameters=_kept(request.hyperparameters, mask),
        variables=_kept(request.variables, mask),
    )
    return kept, Withheld(
        [name for name, text in kept.hyperparameters.items() if text != request.hyperparameters[name]],
        [name for name, text in kept.variables.items() if text != request.variables[name]],
        kept.target != request.target,
    )


def _kept(texts: Mapping[str, str], mask: Masker) -> dict[str, str]:
    return {name: MASK if is_secret(name) and text else mask(text) for name, text in texts.items()}
