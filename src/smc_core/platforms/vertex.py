"""Vertex AI custom training: ``CLUSTER_SPEC`` and the ``AIP_`` variables.

Source: the page "Distributed training" of Vertex AI, and the library google-cloud-aiplatform
(``training_utils/environment_variables.py``). How long a cancelled job has is not documented.
"""

from __future__ import annotations

from smc_core.platforms.base import Platform
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "vertex"
STOP_SECONDS: float | None = None
MARKER = "`CLUSTER_SPEC` or `CLOUD_ML_JOB_ID`"
HOSTS = "the worker pools of `CLUSTER_SPEC`, in their order"
RANK = "`task` of `CLUSTER_SPEC`"
MASTER = "the first replica of `workerpool0`"
_CHANNELS = {"training": "AIP_TRAINING_DATA_URI", "validation": "AIP_VALIDATION_DATA_URI", "test": "AIP_TEST_DATA_URI"}


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether Vertex AI has set its variables."""
    return "CLUSTER_SPEC" in environ or "CLOUD_ML_JOB_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The replicas of all worker pools, and the folders in Google's storage where that is mounted."""
    channels = {name: reader.folder(f"channels.{name}", variable) for name, variable in _CHANNELS.items()}
    platform = Platform(
        NAME,
        job_name=reader.text("job_name", "CLOUD_ML_JOB_ID"),
        job_id=reader.text("job_id", "CLOUD_ML_JOB_ID"),
        channels={name: folder for name, folder in channels.items() if folder is not None},
        model_dir=reader.folder("model_dir", "AIP_MODEL_DIR"),
        checkpoint_dir=reader.folder("checkpoint_dir", "AIP_CHECKPOINT_DIR"),
        tensorboard_dir=reader.folder("tensorboard_dir", "AIP_TENSORBOARD_LOG_DIR"),
    )
    for variable in ("AIP_MODEL_DIR", "AIP_CHECKPOINT_DIR", "AIP_TENSORBOARD_LOG_DIR", *_CHANNELS.values()):
        uri = reader.environ.get(variable, "")
        if uri.startswith("gs://") and variable not in reader.sources.values():
            platform.notes.append(f"{variable} is {uri}, which is not mounted below /gcs: it is not used")
    text = reader.text("hosts", "CLUSTER_SPEC")
    if text is not None:
        _describe_cluster(platform, reader, text)
    return platform


def _describe_cluster(platform: Platform, reader: Reader, text: str) -> None:
    from smc_core.json_file import parse_json

    expected = "a JSON object with cluster and task"
    try:
        content = parse_json(text)
        cluster, task = content["cluster"], content["task"]
        pools = {pool: list(map(str, cluster[pool])) for pool in sorted(cluster, key=_order)}
        pool, index = str(task["type"]), reader.as_number(str(task["index"]), "CLUSTER_SPEC")
        rank = sum(len(pools[each]) for each in pools if _order(each) < _order(pool)) + index
        if index >= len(pools[pool]):
            raise reader.refused("CLUSTER_SPEC", f"one whose task is in its cluster: {pool} has no {index}")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise reader.refused("CLUSTER_SPEC", expected) from None
    addresses = [reader.address("CLUSTER_SPEC", each) for replicas in pools.values() for each in replicas]
    platform.hosts = reader.checked_names("CLUSTER_SPEC", [host for host, _ in addresses])
    platform.rank, platform.master_port = rank, addresses[0][1]
    reader.sources.update(rank="CLUSTER_SPEC", master_port="CLUSTER_SPEC")


def _order(pool: str) -> tuple[int, str]:
    number = pool.removeprefix("workerpool")
    return (int(number), "") if number.isdecimal() and len(number) < 4 else (1000, pool)
