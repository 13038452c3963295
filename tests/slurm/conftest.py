"""One cluster for all tests of a session; each gets both nodes idle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, cluster, missing


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    why_not = missing()
    if why_not:
        pytest.skip(why_not)
    with cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def slurm(whole_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, idle."""
    whole_cluster.wait_until_idle()
    yield whole_cluster
    whole_cluster.wait_until_idle()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder that both nodes share, with nothing in it."""
    return tmp_path
