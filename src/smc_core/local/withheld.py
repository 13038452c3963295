"""The secrets of a request, which are not kept in the record of a local job."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from smc_core.local.request import Request
from smc_core.masking import MASK, Masker, secret_values
from smc_core.secret_names import is_secret


@dataclasses.dataclass(frozen=True)
class Withheld:
    """The parts of a request that are not kept.

    Attributes:
        hyperparameters: names of secret hyperparameters.
        variables: names of secret variables.
        target: whether the target is withheld because its URL has credentials.
    """

    hyperparameters: list[str] = dataclasses.field(default_factory=list)
    variables: list[str] = dataclasses.field(default_factory=list)
    target: bool = False

    def __post_init__(self) -> None:
        """Check the types: the values may come from a file.

        Raises:
            TypeError: a field has the wrong type.

        """
        for names in (self.hyperparameters, self.variables):
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError(f"not a list of names: {names!r}")
        if not isinstance(self.target, bool):
            raise TypeError(f"neither true nor false: {self.target!r}")


def without_secrets(request: Request) -> tuple[Request, Withheld]:
    """A request with its secrets masked, as it may be kept; and what was masked."""
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
