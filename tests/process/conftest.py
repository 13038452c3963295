"""Fixtures for real jobs in folders of their own, which leave nothing behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.process.jobs import Job, pid_namespace


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Makes job folders; fails a test that leaves a process behind, or a file where reports were kept."""
    jobs: list[Job] = []

    def make(**variables: str) -> Job:
        job = Job(tmp_path / f"job{len(jobs)}", **variables)
        jobs.append(job)
        return job

    yield make
    for job in jobs:
        with job:
            left = job.processes()
        reports = [name for name in os.listdir(job.scratch) if name.startswith("smc-")]
        shutil.rmtree(job.base, ignore_errors=True)
        assert not left, f"processes outlived the job: {left}"
        assert not reports, f"the folder of reports was left behind: {reports}"


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """One job folder."""
    return make_job()


@pytest.fixture(scope="session", name="pid_namespace")
def _pid_namespace() -> list[str]:
    """The beginning of a command line that makes what follows PID 1 of a namespace."""
    return pid_namespace()
