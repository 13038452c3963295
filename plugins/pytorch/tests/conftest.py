"""Small parts of every test here. Each rank is a process that imports PyTorch, so jobs are few and shared."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from smc_core.testing import JobFolder

pytest_plugins = ["smc_core.testing.fixtures"]

StartJob = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(job: JobFolder) -> Iterator[StartJob]:
    """Starts ``smc run`` in the job's folder; what still runs when the test ends, or fails, is killed."""
    with contextlib.ExitStack() as started:

        def start(**variables: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "smc_core", "run"],
                env=job.environ("train.py", **variables),
                cwd=job.base,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.enter_context(process)  # waits for it, after the kill
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
