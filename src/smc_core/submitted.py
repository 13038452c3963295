"""Hyperparameters and channels that are submitted as variables: for manifests that cannot pass arguments.

``SMC_HP_EPOCHS=5`` is ``-p epochs=5``, and ``SMC_CHANNEL_TRAINING=/data`` is ``-c training=/data``. They win over the
files of the contract: an image may have such files, but variables come with the job.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import os
from collections.abc import Mapping
from typing import NamedTuple

from smc_core.errors import ConfigurationError
from smc_core.provenance import Source
from smc_core.readers import CHANNEL_NAME
from smc_core.settings import CHANNEL, HYPERPARAMETER


class Submitted(NamedTuple):
    """What variables set: name → text or folder, and name → its variable."""

    values: dict[str, str]
    variables: dict[str, str]

    def sources(self, *fields: str) -> dict[str, Source]:
        """Where the entries came from, under the names that :attr:`Environment.sources` has for entries.

        Args:
            fields: the fields of the Environment that have these entries.

        """
        return {
            f"{field}.{name}": Source("variable", variable)
            for field in fields
            for name, variable in self.variables.items()
        }


def hyperparameters(environ: Mapping[str, str]) -> Submitted:
    """The hyperparameters: name → raw text, which may be empty.

    Args:
        environ: the variables.

    Raises:
        ConfigurationError: a variable has no name, or two have the same.

    """
    named = HYPERPARAMETER.variables(environ)
    return Submitted({name: environ[variable] for name, variable in named.items()}, named)


def channels(environ: Mapping[str, str], *, files: bool = False) -> Submitted:
    """The channels: name → folder, absolute. An empty variable sets none.

    Args:
        environ: the variables.
        files: whether a channel may be a file, which a local job links into a folder.

    Raises:
        ConfigurationError: a variable has no valid name, two have the same, or there is no such folder.

    """
    named = {name: variable for name, variable in CHANNEL.variables(environ).items() if environ[variable].strip()}
    return Submitted({name: _place(name, named[name], environ, files=files) for name in named}, named)


def _place(name: str, variable: str, environ: Mapping[str, str], *, files: bool) -> str:
    path = environ[variable].strip()
    if not CHANNEL_NAME.fullmatch(name) or set(name) == {"."}:
        raise ConfigurationError(f"variable {variable}: a channel name has 1 to 64 letters, digits, '.', '-' or '_'")
    if "://" in path:
        raise ConfigurationError(f"variable {variable} is {path}: a channel is a folder of this machine; mount it")
    if not os.path.isdir(path) and not (files and os.path.exists(path)):
        what = "is a file, and a channel is a folder" if os.path.exists(path) else "does not exist"
        raise ConfigurationError(f"variable {variable}: {os.path.abspath(path)} {what}")
    return os.path.abspath(path)
