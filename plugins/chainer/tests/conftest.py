"""Chainer warns of what Python has deprecated since: a test that needs it in its own process says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

pytest_plugins = ["smc_core.testing.fixtures"]

RunPython = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_python() -> RunPython:
    """Runs code in a fresh interpreter, arguments after it."""

    def run(code: str, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SMC_"))}
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == expect, ended.stderr
        return ended

    return run
