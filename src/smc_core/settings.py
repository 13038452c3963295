"""Every setting of smc, once. Whoever needs one calls ``settings.STOP_GRACE.of(environ)`` and gets a checked value.

In text a setting is the name of its variable. ``smc why``, ``smc --help`` and the tables of
``docs/reference/settings.md`` read the same objects, so that a setting or a limit is added in one place: here (then
``python docs/generate.py`` rewrites the tables), or for a plugin in a list ``SETTINGS`` of its module.
Standard library only: the supervisor reads settings too.
"""

from __future__ import annotations

from collections.abc import Iterable

from smc_core.setting import Choice, Count, Flag, Names, Seconds, Setting, Text
from smc_core.setting_family import Family

__all__ = ["CORE", "Choice", "Count", "Family", "Flag", "Names", "Seconds", "Setting", "Text", "declared_by"]

BASE_DIR = Text("SAGEMAKER_BASE_DIR", "folder of the job, laid out as `/opt/ml`", "/opt/ml")
PROGRAM = Text(
    "SAGEMAKER_PROGRAM",
    "entry point: `train.py`, `pkg/train.py`, `pkg.train`, `run.sh`",
    absent="hyperparameter `sagemaker_program`",
)
SUBMIT_DIR = Text(
    "SAGEMAKER_SUBMIT_DIRECTORY",
    "where the code comes from: a folder, an archive, a URL",
    absent="the code directory; hyperparameter `sagemaker_submit_directory` wins",
)
HYPERPARAMETER = Family(
    "SMC_HP_",
    "[a hyperparameter](../how-to/pass-hyperparameters.md): `SMC_HP_EPOCHS=5` is `-p epochs=5`",
    absent="`hyperparameters.json`",
)
CHANNEL = Family(
    "SMC_CHANNEL_",
    "[a channel](../how-to/run-anywhere.md): `SMC_CHANNEL_TRAINING=/data` is `-c training=/data`",
    absent="`inputdataconfig.json`",
)
TRAINING_MODULE = Text(
    "SAGEMAKER_TRAINING_MODULE",
    "a framework's own function, run in place of the hooks: `keras_container.start`",
)
LOG_LEVEL = Text(
    "SAGEMAKER_CONTAINER_LOG_LEVEL",
    "level of what smc and its plugins log in function mode, a name or a number",
    absent="hyperparameter `sagemaker_container_log_level`, else `INFO`",
)
MODE = Choice(
    "SMC_MODE",
    "force `script` or `function` mode",
    ("script", "function"),
    absent="[what the file looks like](../explanation/modes.md)",
)
ARGS = Choice(
    "SMC_ARGS",
    "[how hyperparameters become arguments](../how-to/pass-hyperparameters.md)",
    ("classic", "json", "flags", "hydra"),
    "classic",
)
ARGS_ORDER = Choice("SMC_ARGS_ORDER", "order of the arguments: by name or as in the file", ("sorted", "file"), "sorted")
STRICT = Flag(
    "SMC_STRICT",
    "refuse hyperparameters and channels that `train` ignores",
    default=False,
)
PLATFORM = Choice(
    "SMC_PLATFORM",
    "[the platform](platforms.md) that says who the hosts are; `none`: no platform",
    (
        *("sagemaker", "skypilot", "dstack", "slurm", "vertex", "azureml", "aws-batch", "kubeflow", "kubernetes"),
        *("ray", "none"),
    ),
    absent="the first whose variables are there",
)
STOP_GRACE = Seconds(
    "SMC_STOP_GRACE",
    "seconds that a script has after a stop signal, before smc kills it",
    absent="[what the platform leaves](platforms.md), less a margin: 110 on SageMaker, 25 on Kubernetes and Slurm",
)
EXIT_STOPPED = Count(
    "SMC_EXIT_STOPPED",
    "[exit code of a stopped job that left a checkpoint](errors.md), for engines that requeue by exit code; not 70",
    absent="that of the script",
    least=6,
    most=125,
)
TERMINATION_LOG = Text(
    "SMC_TERMINATION_LOG",
    "file that gets the reason of the end, in at most 4,096 bytes, if it exists; `none`: no file",
    absent="`/dev/termination-log` in a pod of Kubernetes",
)
PLUGINS = Names(
    "SMC_PLUGINS",
    "comma-separated list of the only plugins to load; `none`: no plugin",
    absent="all that are installed",
)
DISABLE_PLUGINS = Names("SMC_DISABLE_PLUGINS", "comma-separated plugins to disable, even if `SMC_PLUGINS` names them")
TRACE_HOOKS = Choice(
    "SMC_TRACE_HOOKS",
    "[print every call of a hook](../how-to/see-plugins.md); `json`: as JSON",
    ("0", "1", "json"),
    "0",
)
HOOK_PATIENCE = Seconds(
    "SMC_HOOK_PATIENCE",
    "seconds after which a line names the plugin and hook that the job is waiting for; 0: never",
    30.0,
)

REQUIREMENTS = Text(
    "SMC_REQUIREMENTS",
    "requirement file to use instead of `requirements.txt`; `none`: install nothing",
    absent="`requirements.txt` in the code, if it is there",
    group="code",
)
WHEELS = Text(
    "SMC_WHEELS",
    "a folder of wheels to install from, with no index",
    absent="`wheels/` in the code, if it is there",
    group="code",
)
CODEARTIFACT = Text(
    "CA_REPOSITORY_ARN",
    "an AWS CodeArtifact repository to install from",
    absent="pip's own settings",
    group="code",
)
ALLOW_FRAMEWORK_UPGRADE = Flag(
    "SMC_ALLOW_FRAMEWORK_UPGRADE",
    "requirements may replace the image's frameworks",
    default=False,
    group="code",
)

HOST_COUNT = Count(
    "SMC_HOST_COUNT",
    "number of hosts of the job where the platform does not say it, as on plain Kubernetes: `spec.completions`",
    absent="what the platform says, else one",
    most=65536,  # smc_core.platforms.base.MOST_HOSTS
    group="hosts",
)
HOST_WAIT = Seconds(
    "SMC_HOST_WAIT",
    "seconds to wait for all hosts of the job: until their names resolve, and until they join; 0: try once",
    900.0,
    group="hosts",
)
HOST_TIMEOUT = Seconds(
    "SMC_HOST_TIMEOUT",
    "seconds without a heartbeat after which a host of a [launched job](../how-to/distributed.md) is lost; "
    "0 turns host monitoring off",
    30.0,
    group="hosts",
)
HOST_SECRET = Text(
    "SMC_HOST_SECRET",
    "[secret by which hosts of a job recognise each other](../how-to/distributed.md): long, random, the same on all",
    absent="hyperparameters, list of hosts, ARN and name of the job",
    group="hosts",
)
MASTER_PORT = Count(
    "SMC_MASTER_PORT",
    "TCP port of the master for the launcher's rendezvous, at most 65533; the next port is for the heartbeats of the "
    "hosts, and those after it are the launcher's",
    7777,
    most=65533,  # smc_core.ports.LAST_MASTER_PORT, whose module is more than the supervisor needs
    group="hosts",
)
LAUNCHER = Text(
    "SMC_LAUNCHER",
    "name of the launcher to use, or `none`",
    absent="what the hyperparameters request",
    group="hosts",
)
PROCESSES_PER_HOST = Count(
    "SMC_PROCESSES_PER_HOST",
    "processes that a launcher starts on each host",
    absent="hyperparameter `sagemaker_mpi_num_of_processes_per_host`, else one per GPU, else one",
    param="sagemaker_mpi_num_of_processes_per_host",
    group="hosts",
)
STUDIO_LOCAL_MODE = Flag(
    "SM_STUDIO_LOCAL_MODE",
    "do not wait until the hosts' names resolve, as in SageMaker Studio's local mode",
    default=False,
    group="hosts",
)

MAX_CONFIG_BYTES = Count(
    "SMC_MAX_CONFIG_BYTES",
    "maximum size of each JSON file in `input/config/`",
    1024**2,
    unit="bytes",
    group="limits",
)
HOST_STRANGERS = Count(
    "SMC_HOST_STRANGERS",
    "maximum number of open connections that are not yet authenticated as a host of the job, "
    "in addition to one for each missing host",
    16,
    unit="connections",
    group="limits",
)
HOST_HANDSHAKE = Seconds(
    "SMC_HOST_HANDSHAKE", "seconds that such a connection has to authenticate", 10.0, group="limits"
)
MAX_ARCHIVE_BYTES = Count(
    "SMC_MAX_ARCHIVE_BYTES",
    "maximum size of submitted code, both transferred and unpacked",
    10 * 1024**3,
    unit="bytes",
    group="limits",
)
MAX_ARCHIVE_FILES = Count(
    "SMC_MAX_ARCHIVE_FILES", "maximum number of files in submitted code", 100_000, unit="files", group="limits"
)
MAX_ARCHIVE_MEMORY = Count(
    "SMC_MAX_ARCHIVE_MEMORY",
    "maximum memory for unpacking an archive; `xz -9` needs 65 MiB",
    128 * 1024**2,
    unit="bytes",
    group="limits",
)
MIN_DOWNLOAD_RATE = Count(
    "SMC_MIN_DOWNLOAD_RATE",
    "minimum bytes per second of a download, averaged over five minutes; 0: no minimum",
    1000,
    least=0,
    group="limits",
)
FOLLOW_REDIRECTS = Choice(
    "SMC_FOLLOW_REDIRECTS",
    "`anywhere`: follow redirects of downloads from https to http, and to link-local addresses",
    ("safe", "anywhere"),
    "safe",
    group="limits",
)

CORE: dict[str, Setting] = {each.name: each for each in list(globals().values()) if isinstance(each, Setting)}
"""Every setting of the core by name, in the order of the docs' tables."""


def declared_by(modules: Iterable[object]) -> dict[str, Setting]:
    """The settings that plugins declare: those in the list ``SETTINGS`` of each plugin's module, by name."""
    found = (each for module in modules for each in getattr(module, "SETTINGS", ()))
    return {each.name: each for each in found if isinstance(each, Setting)}
