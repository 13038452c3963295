"""Small parts of every test here. Each rank is a process that imports PyTorch, so jobs are few and shared."""

from __future__ import annotations

import socket

import pytest

pytest_plugins = ["smc_core.testing.fixtures"]


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
