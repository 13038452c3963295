"""Kubeflow: TrainJobs of Trainer v2 for PyTorch, JAX and XGBoost, and PyTorchJobs of v1 (also Alibaba's PAI).

Source: ``pkg/runtime/framework/plugins`` of kubeflow/trainer; for v1 the page "General environment variables" of PAI.
In v1, ``RANK`` and ``WORLD_SIZE`` count pods. They are believed only where the pod's name says the same.
"""

from __future__ import annotations

import os

from smc_core.platforms.base import KUBERNETES, Platform, made_up
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "kubeflow"
STOP_SECONDS: float | None = 30.0
MARKER = "`PET_NNODES`, `JAX_COORDINATOR_ADDRESS` or `DMLC_TRACKER_URI` in a pod"
HOSTS = "`PET_NNODES`, `JAX_NUM_PROCESSES`, `DMLC_NUM_WORKER`"
RANK = "`PET_NODE_RANK`, `JAX_PROCESS_ID`, `DMLC_TASK_ID`"
MASTER = "`PET_MASTER_ADDR`, `JAX_COORDINATOR_ADDRESS`, `DMLC_TRACKER_URI`"
_FIRST_POD = "-node-0-0."
"""In the name of a TrainJob's first pod, between the job and the domain."""
_FETCHED = {"training": "workspace/dataset", "model": "workspace/model"}
"""Channel → where the initializers of a TrainJob put what they fetch: the data, and the model to begin with."""
_CHECKPOINTS = "workspace/checkpoints"
"""Where the examples of Trainer and JobSet mount a volume for checkpoints."""


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether a trainer of Kubeflow has set its variables in this pod."""
    if KUBERNETES not in environ:
        return False
    first = ("PET_NNODES", "JAX_COORDINATOR_ADDRESS", "DMLC_TRACKER_URI")
    return any(name in environ for name in first) or _version_1(environ) is not None


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The pods: by their names where these follow from the first one's, else by made-up names."""
    environ = reader.environ
    platform = Platform(NAME)
    for channel, place in _FETCHED.items():
        folder = os.path.join(reader.root, place)
        if os.path.isdir(folder):
            platform.channels[channel] = reader.sources[f"channels.{channel}"] = folder
    checkpoints = os.path.join(reader.root, _CHECKPOINTS)
    if os.path.isdir(checkpoints):
        platform.checkpoint_dir = reader.sources["checkpoint_dir"] = checkpoints
    if "PET_NNODES" in environ:
        _describe_torch(platform, reader)
    elif "JAX_COORDINATOR_ADDRESS" in environ:
        text = reader.text("master", "JAX_COORDINATOR_ADDRESS") or ""
        found = reader.count_and_rank(("JAX_NUM_PROCESSES",), ("JAX_PROCESS_ID",))
        _describe_pods(platform, reader, found, text)
    elif "DMLC_TRACKER_URI" in environ:
        found = reader.count_and_rank(("DMLC_NUM_WORKER",), ("DMLC_TASK_ID",))
        _describe_pods(platform, reader, found, reader.text("master", "DMLC_TRACKER_URI") or "")
    else:
        _describe_version_1(platform, reader)
    return platform


def _describe_torch(platform: Platform, reader: Reader) -> None:
    text = reader.text("hosts", "PET_NNODES") or ""
    least, colon, most = text.partition(":")
    if colon and least != most:
        raise reader.refused("PET_NNODES", "one number: an elastic range of nodes is not supported")
    count = reader.as_number(least, "PET_NNODES", 1)
    rank = reader.rank(count, "PET_NODE_RANK")
    master = reader.text("master", "PET_MASTER_ADDR") or ""
    if not master and count > 1:
        raise reader.refused("PET_MASTER_ADDR", "the address of the first pod")
    _describe_pods(platform, reader, (count, rank), master)
    platform.master_port = reader.number("master_port", "PET_MASTER_PORT", least=1, most=65_535)
    if reader.environ.get("PET_NPROC_PER_NODE", "").isdecimal():
        platform.processes_per_host = reader.number("processes_per_host", "PET_NPROC_PER_NODE", least=1)


def _describe_pods(platform: Platform, reader: Reader, found: tuple[int, int] | None, master: str) -> None:
    if found is None:
        return
    count, platform.rank = found
    host, platform.master_port = reader.address(reader.sources.get("master", "hosts"), master)
    job, first, domain = host.partition(_FIRST_POD)
    if not (job and first and domain):
        platform.hosts, platform.are_addresses, platform.master = made_up(count), False, host or None
        return
    platform.hosts = [f"{job}-node-0-{index}.{domain}" for index in range(count)]
    platform.job_name = platform.job_id = job
    reader.sources.update(job_name=reader.sources["master"], job_id=reader.sources["master"])


def _version_1(environ: Mapping[str, str]) -> str | None:
    """The name of the job, from the pod's, if that agrees with ``RANK``: ``job-master-0``, ``job-worker-0``."""
    if not {"MASTER_ADDR", "RANK", "WORLD_SIZE"} <= environ.keys():
        return None
    name, _, index = (environ.get("HOSTNAME") or os.uname().nodename).rpartition("-")
    job, _, role = name.rpartition("-")
    ranks = {"master": ["0"], "worker": [str(int(index) + 1)] if index.isdecimal() and len(index) < 7 else []}
    return job if job and environ["RANK"] in ranks.get(role, []) else None


def _describe_version_1(platform: Platform, reader: Reader) -> None:
    job = _version_1(reader.environ)
    count = reader.number("hosts", "WORLD_SIZE", least=1)
    if job is None or count is None:
        return
    master = reader.text("master", "MASTER_ADDR")
    platform.hosts = [f"{job}-master-0", *(f"{job}-worker-{index}" for index in range(count - 1))]
    platform.rank = reader.rank(count, "RANK")
    platform.job_name = platform.job_id = job
    platform.master = None if platform.rank == 0 or master == platform.hosts[0] else master
    platform.master_port = reader.number("master_port", "MASTER_PORT", least=1, most=65_535)
    platform.processes_per_host = reader.number("processes_per_host", "NPROC_PER_NODE", least=1)
    reader.sources.update(job_name="HOSTNAME", job_id="HOSTNAME")
