"""Folders that a variable or the platform names: created, and refused by that name if they cannot be written."""

from __future__ import annotations

import os

from smc_core.errors import ConfigurationError


def ensure_writable(folder: str, named_by: object) -> None:
    """Create a folder if it is missing.

    Args:
        folder: its path.
        named_by: the source that names it: ``variable AIP_MODEL_DIR``.

    Raises:
        ConfigurationError: it cannot be created, or no file can be created in it.

    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{named_by}: the folder {folder} cannot be created: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{named_by}: the folder {folder} cannot be written; mount it writable")
