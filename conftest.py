"""What holds for every test of this repository. It is the house's own rule, and none for authors of plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """A test that leaves another environment, working folder or module path behind fails."""
    environ, folder, path = dict(os.environ), os.getcwd(), list(sys.path)
    yield
    changed = {k for k in {*environ, *os.environ} if environ.get(k) != os.environ.get(k)} - {"PYTEST_CURRENT_TEST"}
    assert not changed, f"the test changed the variables {sorted(changed)}"
    assert os.getcwd() == folder, f"the test left the working folder at {os.getcwd()}"
    assert sys.path == path, "the test changed sys.path"
