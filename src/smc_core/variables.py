"""The variables of a script: every ``SM_*`` name of the classic toolkit and of the SageMaker SDK v3.

Formats are those of the classic toolkit (``sagemaker_training/environment.py`` and ``mapping.py``): a string unchanged,
None as an empty text, anything else as compact JSON with sorted keys in ASCII.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from smc_core.contract import CURRENT_HOST_ENV, MAX_VARIABLE_BYTES, job_paths
from smc_core.environment import Environment
from smc_core.hyperparameters import compact_json, variable_names
from smc_core.provenance import DEFAULT, Kind, Source

FIELD_VARIABLES = {
    "SM_HOSTS": "hosts",
    "SM_CURRENT_HOST": "current_host",
    "SM_CURRENT_HOST_RANK": "host_rank",
    "SM_MASTER_ADDR": "master_hostname",
    "SM_MASTER_PORT": "master_port",
    "SM_NETWORK_INTERFACE_NAME": "network_interface_name",
    "SM_CURRENT_INSTANCE_TYPE": "current_instance_type",
    "SM_CURRENT_INSTANCE_GROUP": "current_instance_group",
    "SM_CURRENT_INSTANCE_GROUP_HOSTS": "current_instance_group_hosts",
    "SM_INSTANCE_GROUPS": "instance_groups",
    "SM_INSTANCE_GROUPS_DICT": "instance_groups_dict",
    "SM_DISTRIBUTION_INSTANCE_GROUPS": "distribution_instance_groups",
    "SM_IS_HETERO": "is_hetero",
    "SM_RESOURCE_CONFIG": "resource_config",
    "SM_INPUT_DATA_CONFIG": "input_data_config",
    "SM_HPS": "hps",
    "SM_USER_ARGS": "user_args",
    "SM_FRAMEWORK_PARAMS": "additional_framework_parameters",
    "SM_MODEL_DIR": "model_dir",
    "SM_CHECKPOINT_DIR": "checkpoint_dir",
    "SM_TENSORBOARD_DIR": "tensorboard_dir",
    "SM_INPUT_DIR": "input_dir",
    "SM_INPUT_CONFIG_DIR": "input_config_dir",
    "SM_INPUT_DATA_DIR": "input_data_dir",
    "SM_OUTPUT_DIR": "output_dir",
    "SM_OUTPUT_DATA_DIR": "output_data_dir",
    "SM_OUTPUT_INTERMEDIATE_DIR": "output_intermediate_dir",
    "SM_SOURCE_DIR": "code_dir",
    "SM_USER_ENTRY_POINT": "user_entry_point",
    "SM_ENTRY_SCRIPT": "user_entry_point",
    "SM_MODULE_NAME": "module_name",
    "SM_MODULE_DIR": "module_dir",
    "SM_FRAMEWORK_MODULE": "framework_module",
    "SM_LOG_LEVEL": "log_level",
    "SM_NUM_CPUS": "cpu_count",
    "SM_NUM_GPUS": "gpu_count",
    "SM_NUM_NEURONS": "neuron_count",
    CURRENT_HOST_ENV: "current_host",
}
"""Variable → the field of the Environment that it contains."""

_PROCESS_VARIABLES = {"SAGEMAKER_JOB_NAME": "job_name", "SAGEMAKER_REGION": "region"}

_TRAINING_ENV_FIELDS = (
    "additional_framework_parameters",
    "channel_input_dirs",
    "current_host",
    "current_instance_group",
    "current_instance_group_hosts",
    "current_instance_type",
    "distribution_hosts",
    "distribution_instance_groups",
    "framework_module",
    "hosts",
    "hyperparameters",
    "input_config_dir",
    "input_data_config",
    "input_dir",
    "instance_groups",
    "instance_groups_dict",
    "is_hetero",
    "is_master",
    "job_name",
    "log_level",
    "master_hostname",
    "model_dir",
    "module_dir",
    "module_name",
    "network_interface_name",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "output_data_dir",
    "output_dir",
    "output_intermediate_dir",
    "resource_config",
    "topology",
    "user_entry_point",
)


class Variable(NamedTuple):
    """A variable for the script: its text, and where that came from."""

    name: str
    text: str
    source: Source

    @property
    def fits(self) -> bool:
        """Whether the kernel can pass it: ``NAME=text`` with its NUL in at most 128 KiB, and no NUL inside."""
        size = len(f"{self.name}={self.text}".encode("utf-8", "surrogatepass")) + 1
        return size <= MAX_VARIABLE_BYTES and "\0" not in self.text and _encodable(self.name + self.text)


def variable_text(value: Any) -> str:
    """A value as the text of a variable: a string unchanged, None empty, anything else as compact JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else compact_json(value)


def script_variables(environment: Environment) -> dict[str, Variable]:
    """Every variable that a script gets from the Environment, including those that the kernel cannot pass.

    For a name that a POSIX shell cannot read there is a second one, with ``_`` for each such character. If two names
    coincide, an exact one takes precedence, then the first in sorting order.
    """
    sources = environment.sources
    found: dict[str, Variable] = {}

    def add(name: str, value: Any, source: Source) -> None:
        found.setdefault(name, Variable(name, variable_text(value), source))

    for name, field in FIELD_VARIABLES.items():
        add(name, getattr(environment, field), sources.get(field, DEFAULT))
    for name, field in _PROCESS_VARIABLES.items():
        if getattr(environment, field) is not None:
            add(name, getattr(environment, field), sources.get(field, DEFAULT))
    if environment.topology:
        add("SM_TOPOLOGY", environment.topology, sources.get("topology", DEFAULT))
    add("SM_HOST_COUNT", len(environment.hosts), sources.get("hosts", DEFAULT))
    add("SM_OUTPUT_FAILURE", job_paths(environment.base_dir).failure, sources.get("base_dir", DEFAULT))
    add("SM_CHANNELS", sorted(environment.channel_dirs), sources.get("channel_dirs", DEFAULT))
    add("SM_TRAINING_ENV", training_env(environment), Source("environment"))
    _add_families(environment, add)
    return found


def _add_families(environment: Environment, add: Callable[[str, str, Source], None]) -> None:
    hyperparameters = {k: _hp_text(t, environment.hps[k]) for k, t in environment.hp_texts.items()}
    families: list[tuple[str, Mapping[str, str], str, Kind]] = [
        ("SM_CHANNEL_", environment.channel_dirs, "channel_dirs", "channel"),
        ("SM_HP_", hyperparameters, "hps", "hyperparameter"),
    ]
    for position in (0, 1):  # all exact names first, then those for POSIX shells
        for prefix, texts, field, kind in families:
            for key in sorted(texts):
                names = variable_names(prefix, key)
                for name in names[:1] if position == 0 else names[1:]:
                    add(name, texts[key], source_of_entry(environment, field, key, kind))


def source_of_entry(environment: Environment, field: str, key: str, kind: Kind) -> Source:
    """Where one entry of a field came from: a hyperparameter or a channel.

    Args:
        environment: the Environment.
        field: ``hps`` or ``channel_dirs``.
        key: the name of the hyperparameter or channel.
        kind: the kind of source of an entry that is in the field's file.

    """
    whole = environment.sources.get(field, DEFAULT)
    own = environment.sources.get(f"{field}.{key}")
    return own or (Source(kind, key) if whole.kind == "file" else whole)


def _hp_text(text: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return text.strip()
    return variable_text(value)


def training_env(environment: Environment) -> dict[str, Any]:
    """The content of ``SM_TRAINING_ENV``: the properties of the classic toolkit."""
    content = {name: getattr(environment, name) for name in _TRAINING_ENV_FIELDS}
    absent = ("is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed")
    return {**content, **dict.fromkeys(absent, False)}


def process_environ(environment: Environment, inherited: Mapping[str, str]) -> tuple[dict[str, str], list[Variable]]:
    """All variables of the script's process.

    The container's variables are kept, and overridden by the ``SM_*`` variables; the code directory is put at the front
    of ``PYTHONPATH``; ``PYTHONUNBUFFERED`` and ``PYTHONFAULTHANDLER`` are 1 unless they are set.

    Returns:
        The variables, and those that were dropped because the kernel cannot pass them.

    """
    left_out = []
    result = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **inherited}
    for name, variable in script_variables(environment).items():
        if variable.fits:
            result[name] = variable.text
        else:
            left_out.append(variable)
            result.pop(name, None)
    before = [entry for entry in inherited.get("PYTHONPATH", "").split(":") if entry]
    result["PYTHONPATH"] = ":".join([environment.code_dir, *(e for e in before if e != environment.code_dir)])
    return result, left_out


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
