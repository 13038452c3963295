"""The request of an earlier local job, for a job that resumes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from smc_core.errors import ConfigurationError
from smc_core.local.record import Record
from smc_core.local.request import Request
from smc_core.readers import read_hyperparameter_texts


def request_of(earlier: Record, given: Iterable[str], inherited: Mapping[str, str]) -> Request:
    """The request of an earlier job, including the secrets that its record does not keep.

    Its hyperparameters are read from its own ``hyperparameters.json``, which only the owner can read. A variable is
    inherited from this process, unless it is given again.

    Args:
        earlier: the job.
        given: the values of ``-e`` now: ``NAME=VALUE``.
        inherited: the variables of this process.

    Returns:
        The request; its target is empty if that has to be given again because its URL has credentials.

    Raises:
        ConfigurationError: a secret has to be given again.

    """
    request, withheld = earlier.request, earlier.withheld
    texts = read_hyperparameter_texts(earlier.host_paths(earlier.hosts[0] if earlier.hosts else "").base)
    known = {*inherited, *(text.partition("=")[0] for text in given)}
    lost = [f"-p {name}=…" for name in withheld.hyperparameters if name not in texts]
    lost += [f"-e {name}=…" for name in sorted({*withheld.variables} - known)]
    if lost:
        raise ConfigurationError(
            f"--resume {earlier.name}: secrets are not stored in the record of a job; give them again: {' '.join(lost)}"
        )
    return dataclasses.replace(
        request,
        target="" if withheld.target else request.target,
        hyperparameters={name: texts.get(name, text) for name, text in request.hyperparameters.items()},
        variables={name: text for name, text in request.variables.items() if name not in withheld.variables},
    )
