"""Chooses the backend of Keras before Keras is imported: it reads ``KERAS_BACKEND`` only during its import."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from smc_core.contract import LAUNCHER_ENV
from smc_core.errors import ConfigurationError
from smc_core.kit import Framework, check_framework, is_installed

KERAS = Framework("keras", needed=("used",))
"""What this plugin adapts: an image's Keras that the job's code leaves alone may be of any version."""
BACKEND_ENV = "KERAS_BACKEND"
BACKENDS = ("tensorflow", "jax", "torch")
"""The backends that train, in the order in which an installed one is taken; the first is Keras's default."""
LAUNCHER = "jax"
"""The launcher of this plugin, and the backend that it is for."""


def choose_backend() -> str | None:
    """The backend for this job.

    In order: the variable ``KERAS_BACKEND``; ``jax`` if the job asks for the launcher of that name; the ``backend`` of
    ``keras.json`` if it is installed (Keras writes ``tensorflow`` there unasked); the first of :data:`BACKENDS` that is
    installed.

    Returns:
        The name of the backend, which is also the name of its package. None if none is installed.

    """
    named = os.environ.get(BACKEND_ENV)
    if named:
        return named
    launcher = os.environ.get(LAUNCHER_ENV, "").strip().lower()
    asked = LAUNCHER if launcher == LAUNCHER else ""
    return next((name for name in (asked, _configured(), *BACKENDS) if is_installed(name)), None)


def use_backend() -> str | None:
    """Choose the backend and set ``KERAS_BACKEND``; call this before Keras is imported."""
    backend = choose_backend()
    if backend:
        os.environ[BACKEND_ENV] = backend
    return backend


def import_keras() -> Any:
    """Import Keras on the backend of the job.

    Raises:
        PluginVersionError: this package does not work with the installed version of Keras.
        ImportError: Keras is not installed.

    """
    check_framework("smc-keras", "keras", KERAS)
    use_backend()
    import keras

    return keras


def check_backend(environ: Mapping[str, str]) -> None:
    """Refuse a ``KERAS_BACKEND`` with which Keras could not be imported.

    Args:
        environ: the variables that the job will see.

    Raises:
        ConfigurationError: Keras is installed, but the backend named by the variable is not.

    """
    named = environ.get(BACKEND_ENV)
    if named and is_installed("keras") and not is_installed(named):
        here = ", ".join(filter(is_installed, BACKENDS)) or "none"
        raise ConfigurationError(
            f"variable {BACKEND_ENV} is {named!r}, which is not installed; Keras backends installed: {here}"
        )


def _configured() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    try:
        with open(os.path.join(home, "keras.json"), encoding="utf-8") as file:
            return str(json.load(file)["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # as Keras does: an unreadable file counts as missing
