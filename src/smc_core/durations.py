"""Variables that hold a number of seconds. Standard library only: the supervisor reads one too."""

from __future__ import annotations

from collections.abc import Mapping

from smc_core.errors import ConfigurationError

_LONGEST = 1e9


def seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    """The number of seconds in a variable, from 0 on.

    Args:
        environ: the variables.
        name: of the variable.
        default: what it is where the variable is not set, or empty.

    Raises:
        ConfigurationError: it is no such number.

    """
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 <= value < _LONGEST:
        raise ConfigurationError(f"variable {name} is {text!r}, not a number of seconds, such as {default:g}")
    return value
