"""Unpack archives, as if they were hostile."""
