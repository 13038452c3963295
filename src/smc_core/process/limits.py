"""Sizes shared by several packages of a job's processes."""

from __future__ import annotations

TAIL_BYTES = 64 * 1024
"""Bytes kept of the end of stderr."""
