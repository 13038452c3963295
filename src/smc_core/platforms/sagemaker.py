"""Amazon SageMaker, and whoever lays out the same files: hosts come from ``resourceconfig.json`` alone.

Source: "How Amazon SageMaker Processes Training ... Information"; the 120 s are from the page of StopTrainingJob.
"""

from __future__ import annotations

import os

from smc_core.contract import RESOURCE_CONFIG_FILE, job_paths
from smc_core.platforms.base import Platform
from smc_core.platforms.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "sagemaker"
STOP_SECONDS: float | None = 120.0
MARKER = "`input/config/resourceconfig.json`, `TRAINING_JOB_NAME`"
HOSTS = "`hosts` of the file"
RANK = "position of `current_host`"
MASTER = "the first host"


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether the platform has written its file, or named its job."""
    if "TRAINING_JOB_NAME" in environ:
        return True
    return os.path.lexists(os.path.join(job_paths(environ=environ).input_config, RESOURCE_CONFIG_FILE))


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """Nothing here: the files of the contract say it all."""
    return Platform(NAME, job_id=reader.text("job_id", "TRAINING_JOB_NAME"))
