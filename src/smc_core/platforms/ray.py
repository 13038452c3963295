"""Ray: a worker of Ray Train, or the entry point of ``ray job submit``.

Source: ``python/ray/train/torch/config.py`` and ``dashboard/modules/job/job_supervisor.py`` of ray-project/ray.
"""

from __future__ import annotations

from smc_core.platforms.base import Platform, made_up
from smc_core.platforms.reader import Reader
from smc_core.settings import PROCESSES_PER_HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "ray"
STOP_SECONDS: float | None = 3.0
"""The default of ``RAY_JOB_STOP_WAIT_TIME_S``."""
MARKER = "`RAY_ADDRESS`, `RAY_JOB_ID` or `RAY_JOB_CONFIG_JSON_ENV_VAR`"
HOSTS = "`WORLD_SIZE` / `LOCAL_WORLD_SIZE`"
RANK = "`NODE_RANK`"
MASTER = "`MASTER_ADDR`"
_MARKERS = ("RAY_ADDRESS", "RAY_JOB_CONFIG_JSON_ENV_VAR", "RAY_JOB_ID")
_TRAIN = ("NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
"""What together shows a worker of Ray Train."""


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether Ray started this."""
    return any(name in environ for name in _MARKERS)


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether this is the entry point of a job: Ray signals it and each of its descendants, but no worker's."""
    return not _is_worker(environ)


def _is_worker(environ: Mapping[str, str]) -> bool:
    return environ.keys() >= set(_TRAIN)


def describe(reader: Reader) -> Platform:
    """The nodes of a Ray Train job, by made-up names; one host for the entry point of a job."""
    platform = Platform(
        NAME,
        job_id=reader.text("job_id", "RAY_JOB_SUBMISSION_ID", "RAY_JOB_ID"),
    )
    if not _is_worker(reader.environ):
        return platform
    world = reader.number("hosts", "WORLD_SIZE", least=1) or 1
    local = reader.number("local", "LOCAL_WORLD_SIZE", least=1, most=world) or 1
    if world % local:
        raise reader.refused("WORLD_SIZE", f"a multiple of LOCAL_WORLD_SIZE, {local}")
    platform.hosts, platform.are_addresses = made_up(world // local), False
    platform.rank = reader.rank(world // local, "NODE_RANK")
    platform.master = reader.text("master", "MASTER_ADDR")
    platform.master_port = reader.number("master_port", "MASTER_PORT", least=1, most=65_535)
    if local > 1:
        platform.task = reader.number("task", "LOCAL_RANK")
        platform.no_launcher = (
            f"Ray starts {local} workers on this node, and a launcher starts its processes itself: "
            f"start one worker a node, and set {PROCESSES_PER_HOST}={local} for as many processes"
        )
    return platform
