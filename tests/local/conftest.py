"""The fixture of tests that run ``smc`` as a user does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.local.desks import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder without a job of a container; fails a test that leaves a process behind."""
    made = Desk(tmp_path)
    yield made
    left = made.processes()
    made.close()
    assert not left, f"processes outlived the job: {left}"
