"""AWS Batch, multi-node parallel jobs: https://docs.aws.amazon.com/batch/latest/userguide/mnp-env-vars.html.

The main node's address is told to all nodes but itself, and no other address to anyone.
"""

from __future__ import annotations

import os

from smc_core.platforms.base import Platform, made_up
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "aws-batch"
STOP_SECONDS: float | None = 30.0
MARKER = "`AWS_BATCH_JOB_ID`"
HOSTS = "`AWS_BATCH_JOB_NUM_NODES`"
RANK = "`AWS_BATCH_JOB_NODE_INDEX`"
MASTER = "`AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS`"
_ADDRESS, _MAIN = "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", "AWS_BATCH_JOB_MAIN_NODE_INDEX"


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether AWS Batch has set its variables."""
    return "AWS_BATCH_JOB_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The nodes by made-up names, the main node first, and the main node's address."""
    platform = Platform(
        NAME,
        job_id=reader.text("job_id", "AWS_BATCH_JOB_ID"),
        attempt=max(0, (reader.number("attempt", "AWS_BATCH_JOB_ATTEMPT") or 1) - 1),
    )
    if platform.job_id is not None:  # a node of a multi-node job has its index behind the job's own id
        platform.job_id = platform.job_id.partition("#")[0]
    found = reader.count_and_rank(("AWS_BATCH_JOB_NUM_NODES",), ("AWS_BATCH_JOB_NODE_INDEX",))
    if found is not None and found[0] > 1:
        count, index = found
        main = reader.number("main", _MAIN, most=count - 1) or 0
        order = [main, *(each for each in range(count) if each != main)]
        platform.hosts = [made_up(count)[each] for each in order]
        platform.rank, platform.are_addresses = order.index(index), False
        platform.master = os.uname().nodename if index == main else reader.text("master", _ADDRESS)
        if platform.master is None:
            raise reader.refused(_ADDRESS, "the address of the main node")
    return platform
