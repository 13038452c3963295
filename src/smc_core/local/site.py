"""The job of a platform that a local job is a part of: which job, which of its hosts, and the platform's folders."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from smc_core import platforms
from smc_core.platforms import Platform
from smc_core.platforms.base import KUBERNETES
from smc_core.platforms.sagemaker import NAME as SAGEMAKER
from smc_core.provenance import Source

_PLACES = {"model": "model_dir", "checkpoints": "checkpoint_dir", "tensorboard": "tensorboard_dir"}
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into their containers."""


@dataclasses.dataclass(frozen=True)
class Site:
    """One host, or one of several tasks on a host, of a platform's job.

    Attributes:
        platform: name of the platform.
        job: the platform's identifier of the job, the same on all hosts and after a restart.
        hosts: names of all hosts, in the order of their ranks; empty if the platform does not say them.
        rank: the rank of this host.
        task: which of several copies on this host this is; None if there is one a host.
        attempt: how often the platform says that the job was restarted.
        places: ``model``, ``checkpoints``, ``tensorboard`` → the platform's own folder for it, and what names that.
    """

    platform: str
    job: str
    hosts: tuple[str, ...] = ()
    rank: int = 0
    task: int | None = None
    attempt: int = 0
    places: Mapping[str, tuple[str, Source]] = dataclasses.field(default_factory=dict)

    @property
    def is_one_of_several(self) -> bool:
        """Whether other hosts or tasks are part of the same job."""
        return len(self.hosts) > 1 or self.task is not None

    @property
    def member(self) -> str:
        """Its folder in the job's; empty if it is alone. Not its name: a restarted job may be on other hosts."""
        if not self.is_one_of_several:
            return ""
        return f"rank-{self.rank}" if self.task is None else f"rank-{self.rank}-task-{self.task}"

    def to_json(self) -> dict[str, Any]:
        """As it is kept in the record of a run."""
        return {"platform": self.platform, "job": self.job, "hosts": list(self.hosts), "rank": self.rank}


def find_site(environ: Mapping[str, str]) -> Site | None:
    """The platform's job that this process is a part of.

    None for a local job that concerns nobody else: without a platform; on SageMaker, whose job is in ``/opt/ml``; where
    the platform does not name the job; and for somebody who types commands into a shell of the platform.

    Args:
        environ: the variables.

    Raises:
        ConfigurationError: a variable of the platform is malformed.

    """
    platform = platforms.current(environ)
    if platform.name in (platforms.NONE, SAGEMAKER) or platform.job_id is None or os.isatty(0):
        return None
    return Site(
        platform.name,
        platform.job_id,
        tuple(platform.hosts or ()),
        platform.rank,
        platform.task,
        platform.attempt,
        _places(platform),
    )


def is_container(environ: Mapping[str, str]) -> bool:
    """Whether this process is a platform's or an engine's container, whose packages belong to this job alone.

    Args:
        environ: the variables.

    """
    if os.getpid() == 1:
        return True
    in_container = KUBERNETES in environ or any(map(os.path.exists, _CONTAINER_MARKS))
    return in_container and platforms.current(environ).name != platforms.NONE


def _places(platform: Platform) -> dict[str, tuple[str, Source]]:
    kept = Source("rule", f"platform {platform.name}")
    found = {name: (os.path.abspath(folder), kept) for name, folder in platform.kept.items()}
    for name, attribute in _PLACES.items():
        folder = getattr(platform, attribute)
        if folder is not None:
            said_by = platform.sources.get(attribute, platform.name)
            found[name] = (folder, Source("file" if os.path.isabs(said_by) else "variable", said_by))
    return found
