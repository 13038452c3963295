"""What holds for every test of this repository. It is the house's own rule, and none for authors of plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from smc_core.contract import LOCAL_RANK_ENV, RANK_VARIABLES

_FOR_JOBS = ("SM_", "SMC_", "SAGEMAKER_", *RANK_VARIABLES, LOCAL_RANK_ENV)
_FOR_TESTS = ("SMC_TEST_", "SMC_BASE_IMAGE")


def pytest_configure() -> None:
    """Forget what this machine sets for its own jobs: it is to decide no test."""
    for name in [name for name in os.environ if name.startswith(_FOR_JOBS) and not name.startswith(_FOR_TESTS)]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """A test that leaves another environment, working folder or module path behind fails."""
    environ, folder, path = dict(os.environ), os.getcwd(), list(sys.path)
    yield
    changed = {k for k in {*environ, *os.environ} if environ.get(k) != os.environ.get(k)} - {"PYTEST_CURRENT_TEST"}
    assert not changed, f"the test changed the variables {sorted(changed)}"
    assert os.getcwd() == folder, f"the test left the working folder at {os.getcwd()}"
    assert sys.path == path, "the test changed sys.path"
