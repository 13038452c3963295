"""dstack: the variables that its runner sets (``runner/internal/runner/executor/executor.go``).

It stops with SIGINT, and kills 10 s later.
"""

from __future__ import annotations

from smc_core.platforms.base import Platform
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "dstack"
STOP_SECONDS: float | None = 10.0
MARKER = "`DSTACK_RUN_ID`"
HOSTS = "`DSTACK_NODES_IPS`, one a line"
RANK = "`DSTACK_NODE_RANK`"
MASTER = "`DSTACK_MASTER_NODE_IP`"


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether dstack has set its variables."""
    return "DSTACK_RUN_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The hosts by their addresses."""
    count = reader.number("count", "DSTACK_NODES_NUM", least=1)
    text = reader.text("hosts", "DSTACK_NODES_IPS")
    hosts = None if text is None else reader.names("DSTACK_NODES_IPS", text, "\n,")
    if hosts is not None:
        reader.agree(count, hosts)
    return Platform(
        NAME,
        hosts=hosts,
        rank=0 if hosts is None else reader.rank(len(hosts), "DSTACK_NODE_RANK"),
        master=reader.text("master", "DSTACK_MASTER_NODE_IP"),
        job_name=reader.text("job_name", "DSTACK_RUN_NAME"),
        job_id=reader.text("job_id", "DSTACK_RUN_ID"),
    )
