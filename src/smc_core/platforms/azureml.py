"""Azure Machine Learning: variables of its PyTorch and MPI distributions.

Source: the page "Distributed GPU training guide" of Azure Machine Learning. Azure starts ``process_count_per_instance``
copies of the command itself.
"""

from __future__ import annotations

from smc_core.platforms.base import Platform, made_up
from smc_core.platforms.reader import Reader
from smc_core.settings import PROCESSES_PER_HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "azureml"
STOP_SECONDS: float | None = 30.0
MARKER = "`AZUREML_RUN_ID`"
HOSTS = "`AZUREML_NODE_COUNT`, `AZ_BATCH_HOST_LIST`"
RANK = "`NODE_RANK`"
MASTER = "`MASTER_ADDR`, or `AZ_BATCH_MASTER_NODE`"
_INPUT, _OUTPUT = "AZURE_ML_INPUT_", "AZURE_ML_OUTPUT_"
_OLD_INPUT = "AZUREML_DATAREFERENCE_"
_PLACES = {"model": "model_dir", "checkpoints": "checkpoint_dir", "tensorboard": "tensorboard_dir"}
"""Name of an output → what it is the folder of."""
_UPLOADED = {"model": "outputs/model", "tensorboard": "logs/tensorboard"}
"""Azure uploads ``./outputs`` and ``./logs`` of the command's working directory."""


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether Azure Machine Learning has set its variables."""
    return "AZUREML_RUN_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The nodes: by their names where Azure lists them, else by made-up names and the master's address."""
    environ = reader.environ
    platform = Platform(
        NAME,
        job_name=reader.text("job_name", "AZUREML_RUN_ID"),
        job_id=reader.text("job_id", "AZUREML_RUN_ID"),
    )
    found = reader.count_and_rank(
        ("AZUREML_NODE_COUNT",), ("NODE_RANK", "AZUREML_CR_NODE_RANK", "OMPI_COMM_WORLD_NODE_RANK")
    )
    if found is not None:
        _describe_nodes(platform, reader, *found)
    platform.kept = dict(_UPLOADED)
    for name in sorted(environ):  # "AZUREML_" before "AZURE_ML_": the new names of inputs replace the old ones
        if name.startswith((_INPUT, _OLD_INPUT)) and environ[name]:
            channel = name.removeprefix(_INPUT).removeprefix(_OLD_INPUT)
            folder = reader.folder(f"channels.{channel}", name)
            if folder is not None:
                platform.channels[channel] = folder
        elif name.startswith(_OUTPUT) and name[len(_OUTPUT) :].lower() in _PLACES:
            attribute = _PLACES[name[len(_OUTPUT) :].lower()]
            setattr(platform, attribute, reader.folder(attribute, name))
    return platform


def _describe_nodes(platform: Platform, reader: Reader, count: int, rank: int) -> None:
    text = reader.text("names", "AZ_BATCH_HOST_LIST", "AZ_BATCH_NODE_LIST")
    platform.hosts, platform.rank = made_up(count), rank
    platform.are_addresses = False
    if text is not None:
        hosts = reader.names(reader.sources["names"], text, ",;")
        if len(hosts) == count:
            platform.hosts, platform.are_addresses = hosts, True
    master = reader.text("master", "MASTER_ADDR", "AZ_BATCH_MASTER_NODE", "AZ_BATCHAI_MPI_MASTER_NODE")
    if master is not None:
        platform.master, platform.master_port = reader.address(reader.sources["master"], master)
    port = reader.number("master_port", "MASTER_PORT", least=1, most=65_535)
    platform.master_port = port if port is not None else platform.master_port
    copies = reader.number("copies", "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", least=1)
    world = reader.number("world", "WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", least=1, most=1_000_000)
    copies = copies or (world or count) // count
    if copies > 1:
        platform.task = reader.number("task", "LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK")
        platform.no_launcher = (
            f"Azure starts {copies} copies on this node, and a launcher starts its processes itself: "
            f"use process_count_per_instance: 1, and {PROCESSES_PER_HOST}={copies} for as many processes"
        )
