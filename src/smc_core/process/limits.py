"""Sizes that several rooms of a job's processes agree on."""

from __future__ import annotations

TAIL_BYTES = 64 * 1024
"""Bytes of stderr that are kept: the last ones."""
