"""SkyPilot: https://docs.skypilot.co/en/latest/running-jobs/environment-variables.html."""

from __future__ import annotations

from smc_core.platforms.base import Platform
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "skypilot"
STOP_SECONDS: float | None = None
MARKER = "`SKYPILOT_TASK_ID`"
HOSTS = "`SKYPILOT_NODE_IPS`, one a line"
RANK = "`SKYPILOT_NODE_RANK`"
MASTER = "the first address"


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether SkyPilot has set its variables."""
    return "SKYPILOT_TASK_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The hosts by their addresses. The task's id stays the same after a recovery."""
    count = reader.number("count", "SKYPILOT_NUM_NODES", least=1)
    text = reader.text("hosts", "SKYPILOT_NODE_IPS")
    hosts = None if text is None else reader.names("SKYPILOT_NODE_IPS", text, "\n,")
    if hosts is not None:
        reader.agree(count, hosts)
    return Platform(
        NAME,
        hosts=hosts,
        rank=0 if hosts is None else reader.rank(len(hosts), "SKYPILOT_NODE_RANK"),
        job_id=reader.text("job_id", "SKYPILOT_TASK_ID"),
    )
