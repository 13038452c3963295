"""Names and paths of the training-container contract, and the writers of its outcome files.

The paths are those of Amazon SageMaker's "How Amazon SageMaker Processes Training Input / Output / ...
Information" pages; any platform that offers the same folders can run a job. Only the standard library is
imported here, and importing it reads nothing and creates nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

BASE_PATH = "/opt/ml"
MODEL_PATH = "/opt/ml/model"
INPUT_PATH = "/opt/ml/input"
INPUT_DATA_PATH = "/opt/ml/input/data"
OUTPUT_PATH = "/opt/ml/output"
INPUT_CONFIG_PATH = "/opt/ml/input/config"
OUTPUT_DATA_PATH = "/opt/ml/output/data"

HYPERPARAMETERS_FILE = "hyperparameters.json"
RESOURCE_CONFIG_FILE = "resourceconfig.json"
INPUT_DATA_CONFIG_FILE = "inputdataconfig.json"
SUCCESS_FILE = "success"
FAILURE_FILE = "failure"

PROGRAM_PARAM = "sagemaker_program"
SUBMIT_DIR_PARAM = "sagemaker_submit_directory"
ENABLE_METRICS_PARAM = "sagemaker_enable_cloudwatch_metrics"
LOG_LEVEL_PARAM = "sagemaker_container_log_level"
JOB_NAME_PARAM = "sagemaker_job_name"
DEFAULT_MODULE_NAME_PARAM = "default_user_module_name"
REGION_PARAM_NAME = "sagemaker_region"
TUNING_METRIC_PARAM = "_tuning_objective_metric"
PROCESSES_PER_HOST_PARAM = "sagemaker_mpi_num_of_processes_per_host"
DISTRIBUTION_GROUPS_PARAM = "sagemaker_distribution_instance_groups"
PLATFORM_PARAM_PREFIX = "sagemaker_"
SAGEMAKER_HPS = [
    PROGRAM_PARAM,
    SUBMIT_DIR_PARAM,
    ENABLE_METRICS_PARAM,
    LOG_LEVEL_PARAM,
    JOB_NAME_PARAM,
    DEFAULT_MODULE_NAME_PARAM,
    REGION_PARAM_NAME,
    TUNING_METRIC_PARAM,
]
"""The classic list of platform hyperparameters; every other key that begins with ``sagemaker_`` is one, too."""

S3_OUTPUT_PARAM = "sagemaker_s3_output"
CLASSIC_PARAMS = frozenset({*SAGEMAKER_HPS, S3_OUTPUT_PARAM})
"""Those that the classic library uses itself, and so omits from ``SM_FRAMEWORK_PARAMS``."""

CURRENT_HOST_ENV = "CURRENT_HOST"
JOB_NAME_ENV = "JOB_NAME"
USE_NGINX_ENV = "SAGEMAKER_USE_NGINX"
BASE_DIR_ENV = "SAGEMAKER_BASE_DIR"
PROGRAM_ENV = "SAGEMAKER_PROGRAM"
SUBMIT_DIR_ENV = "SAGEMAKER_SUBMIT_DIRECTORY"
TRAINING_MODULE_ENV = "SAGEMAKER_TRAINING_MODULE"
LOG_LEVEL_ENV = "SAGEMAKER_CONTAINER_LOG_LEVEL"
CODE_DIR_ENV = "SMC_CODE_DIR"
NAMED_PROGRAM_ENV = "SMC_PROGRAM"
NAMED_SOURCE_ENV = "SMC_SUBMIT_DIRECTORY"
"""The program and code location from the command line: set by smc, they override everything in the job."""
REPORT_DIR_ENV = "SMC_REPORT_DIR"
WAITING_PREFIX = "waiting-"
"""Prefix of the files in the folder of reports that name the plugin a process is waiting for."""
MODE_ENV = "SMC_MODE"
MASTER_PORT_ENV = "SMC_MASTER_PORT"
LAUNCHER_ENV = "SMC_LAUNCHER"
PROCESSES_PER_HOST_ENV = "SMC_PROCESSES_PER_HOST"

DEFAULT_MODULE_NAME = "default_user_module_name"
RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Variables in which launchers give a process its rank in the whole job."""
LOCAL_RANK_ENV = "LOCAL_RANK"
"""Variable with the rank of a process on its host; some libraries give their copies no other rank."""
CHANNEL_DEFAULTS = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
"""The entry in ``inputdataconfig.json`` of a channel that is an ordinary folder, the same on all hosts."""
MAX_VARIABLE_BYTES = 128 * 1024
"""Linux's ``MAX_ARG_STRLEN``: one argument, or one ``NAME=value`` with its closing NUL, is at most this long."""


class JobPaths:
    """The folders and outcome files of one job below its base directory, all absolute.

    A plain class: the supervisor, which stays in memory as long as the job runs, imports this module, and
    ``dataclasses`` would cost it 2 MB.
    """

    __slots__ = ("base",)

    def __init__(self, base: str) -> None:
        self.base = base

    def __repr__(self) -> str:
        return f"JobPaths({self.base!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobPaths) and self.base == other.base

    def __hash__(self) -> int:
        return hash(self.base)

    @property
    def input(self) -> str:
        """Input from the platform: ``input/``."""
        return os.path.join(self.base, "input")

    @property
    def input_config(self) -> str:
        """The JSON files of the contract: ``input/config/``."""
        return os.path.join(self.base, "input", "config")

    @property
    def input_data(self) -> str:
        """One folder for each channel: ``input/data/``."""
        return os.path.join(self.base, "input", "data")

    @property
    def model(self) -> str:
        """Its content becomes the model artifact: ``model/``."""
        return os.path.join(self.base, "model")

    @property
    def code(self) -> str:
        """The user's code, and its working directory: ``code/``."""
        return os.path.join(self.base, "code")

    @property
    def checkpoints(self) -> str:
        """Synchronised with storage while the job runs: ``checkpoints/``."""
        return os.path.join(self.base, "checkpoints")

    @property
    def output(self) -> str:
        """Outcome files and further output: ``output/``."""
        return os.path.join(self.base, "output")

    @property
    def output_data(self) -> str:
        """Other output of the job: ``output/data/``."""
        return os.path.join(self.base, "output", "data")

    @property
    def output_intermediate(self) -> str:
        """Output that is needed before the job ends: ``output/intermediate/``."""
        return os.path.join(self.base, "output", "intermediate")

    @property
    def tensorboard(self) -> str:
        """TensorBoard events: ``output/tensorboard``, the default of SageMaker's ``TensorBoardOutputConfig``."""
        return os.path.join(self.base, "output", "tensorboard")

    @property
    def success(self) -> str:
        """Written if and only if the job ends with exit code 0: ``output/success``."""
        return os.path.join(self.base, "output", SUCCESS_FILE)

    @property
    def failure(self) -> str:
        """The cause of a failure: ``output/failure``; SageMaker shows its first 1,024 characters."""
        return os.path.join(self.base, "output", FAILURE_FILE)


def job_paths(base_dir: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> JobPaths:
    """The folders of a job.

    Args:
        base_dir: the base directory; None for ``SAGEMAKER_BASE_DIR``, or else ``/opt/ml``.
        environ: the variables to look in, by default those of this process.
    """
    if base_dir is None:
        base_dir = (os.environ if environ is None else environ).get(BASE_DIR_ENV) or BASE_PATH
    return JobPaths(os.path.abspath(os.fspath(base_dir)))


def current_host(environ: Mapping[str, str] = os.environ) -> str:
    """The name of this host in the job (``SM_CURRENT_HOST``); outside a job, the name of the machine.

    Args:
        environ: the variables to look in, by default those of this process.

    """
    return environ.get("SM_CURRENT_HOST") or os.uname().nodename


def write_atomic(path: str | os.PathLike[str], content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees all of it or nothing: under a temporary name next to it, then renamed.

    The parent folder is created if it is missing. The file is readable by all, as other output files are, unless
    ``mode`` says otherwise; its permissions are never wider than that, not even briefly.

    Raises:
        OSError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    folder, name = os.path.split(os.path.abspath(os.fspath(path)))
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as file:
            os.fchmod(handle, mode)  # whatever the umask
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
