"""The Environment: everything that a job knows about itself, in one frozen object; and what it is composed of."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

from smc_core.arguments import ArgumentOrder, ArgumentStyle
from smc_core.contract import (
    BASE_PATH,
    CURRENT_HOST_ENV,
    DEFAULT_MODULE_NAME_PARAM,
    ENABLE_METRICS_PARAM,
    HYPERPARAMETERS_FILE,
    INPUT_CONFIG_PATH,
    INPUT_DATA_CONFIG_FILE,
    INPUT_DATA_PATH,
    INPUT_PATH,
    JOB_NAME_ENV,
    JOB_NAME_PARAM,
    LOG_LEVEL_PARAM,
    MODEL_PATH,
    OUTPUT_DATA_PATH,
    OUTPUT_PATH,
    PROGRAM_PARAM,
    REGION_PARAM_NAME,
    RESOURCE_CONFIG_FILE,
    SAGEMAKER_HPS,
    SUBMIT_DIR_PARAM,
    USE_NGINX_ENV,
)
from smc_core.derived import following
from smc_core.errors import ConfigurationError
from smc_core.facts import gather
from smc_core.field import field
from smc_core.foreign import foreign_input
from smc_core.frozen import Frozen, checked, copied, fields, joined, properties
from smc_core.hyperparameters import Value, param, split_hps
from smc_core.provenance import Source
from smc_core.readers import channel_dir, read_config, read_hps, read_input_data_config, read_resource_config
from smc_core.resources import cpu_count, gpu_count
from smc_core.words import did_you_mean, nearest

__all__ = [
    "ALIASES",
    "BASE_PATH",
    "CURRENT_HOST_ENV",
    "DEFAULT_MODULE_NAME_PARAM",
    "ENABLE_METRICS_PARAM",
    "HYPERPARAMETERS_FILE",
    "INPUT_CONFIG_PATH",
    "INPUT_DATA_CONFIG_FILE",
    "INPUT_DATA_PATH",
    "INPUT_PATH",
    "JOB_NAME_ENV",
    "JOB_NAME_PARAM",
    "LOG_LEVEL_PARAM",
    "MODEL_PATH",
    "OUTPUT_DATA_PATH",
    "OUTPUT_PATH",
    "PROGRAM_PARAM",
    "REGION_PARAM_NAME",
    "RESOURCE_CONFIG_FILE",
    "SAGEMAKER_HPS",
    "SUBMIT_DIR_PARAM",
    "USE_NGINX_ENV",
    "Environment",
    "Source",
    "Value",
    "channel_dir",
    "cpu_count",
    "field",
    "fields",
    "gpu_count",
    "read_config",
    "read_hps",
    "read_input_data_config",
    "read_resource_config",
    "split_hps",
]

ALIASES = {
    "channel_input_dirs": "channel_dirs",
    "hyperparameters": "hps",
    "num_cpus": "cpu_count",
    "num_gpus": "gpu_count",
    "num_neurons": "neuron_count",
}
"""Classic name of an attribute → the field."""

EnvironmentT = TypeVar("EnvironmentT", bound="Environment")


class Environment(Frozen):
    """What a training job knows about itself: folders, hosts, channels, hyperparameters, resources.

    Frozen. A subclass may add fields; a plugin adds them through the ``create_environment`` hook
    (:meth:`extend`). A user hyperparameter is read as ``env["learning-rate"]``, or as an attribute where its name
    allows (``env.batch_size``; ``-`` may be written ``_``), and is a :class:`~smc_core.hyperparameters.Value`.
    """

    base_dir: str = field("base directory: SAGEMAKER_BASE_DIR, else /opt/ml")
    input_dir: str = field("BASE/input")
    input_config_dir: str = field("BASE/input/config: the JSON files of the contract")
    input_data_dir: str = field("BASE/input/data: one folder a channel")
    model_dir: str = field("BASE/model, or the platform's own place: becomes the model artifact")
    output_dir: str = field("BASE/output")
    output_data_dir: str = field("BASE/output/data: further output")
    output_intermediate_dir: str = field("BASE/output/intermediate")
    checkpoint_dir: str = field("BASE/checkpoints, or the platform's own place: kept when the job is restarted")
    tensorboard_dir: str = field("BASE/output/tensorboard, or where the platform looks for TensorBoard events")
    code_dir: str = field("BASE/code: the user's code, and its working directory")

    hps: builtins.dict[str, Any] = field("the user's hyperparameters, decoded")
    hp_texts: builtins.dict[str, str] = field("the user's hyperparameters, raw text")
    framework_params: builtins.dict[str, Any] = field("the platform's hyperparameters, decoded")
    framework_texts: builtins.dict[str, str] = field("the platform's hyperparameters, raw text")
    additional_framework_parameters: builtins.dict[str, Any] = field(
        "framework_params less the nine that the classic library understands itself"
    )
    resource_config: builtins.dict[str, Any] = field("resourceconfig.json")
    input_data_config: builtins.dict[str, Any] = field("inputdataconfig.json")
    channel_dirs: builtins.dict[str, str] = field("channel name → its folder")

    platform: str = field("where the job runs: sagemaker, slurm, kubernetes, …; none: nobody says")
    attempt: int = field("how often the platform has restarted the job, from 0")
    stop_grace: float = field("seconds that a script has after a stop signal")
    hosts: list[str] = field("names of all hosts, in the platform's order")
    hosts_resolve: bool = field("whether these names are addresses; else only master_hostname is one")
    current_host: str = field("name of this host, one of hosts")
    host_rank: int = field("index of this host in hosts, from 0")
    master_hostname: str = field("address of the master: the first host that distributes, or what the platform says")
    master_port: int = field("TCP port for rendezvous on the master, default 7777 or the platform's")
    is_master: bool = field("whether this host is the master")
    is_first_process: bool = field("whether no launcher has given this process a rank other than 0")
    is_primary: bool = field("whether this process is the one of the job that writes the model")
    network_interface_name: str = field("network interface between hosts, default eth0")
    current_instance_type: str = field("instance type, default local")
    current_instance_group: str = field("instance group of this host, default homogeneousCluster")
    current_instance_group_hosts: list[str] = field("hosts of that group; empty without groups")
    instance_groups: list[str] = field("names of all instance groups")
    instance_groups_dict: builtins.dict[str, Any] = field("name of a group → its entry in resourceconfig.json")
    distribution_instance_groups: list[str] = field("groups that take part in distributed training")
    distribution_hosts: list[str] = field("hosts of those groups, else all hosts")
    is_hetero: bool = field("whether there is more than one instance group")
    topology: list[builtins.dict[str, Any]] = field("UltraServer placement; mostly empty")

    cpu_count: int = field("processors that the job may use (cgroup quota, affinity)")
    gpu_count: int = field("GPUs visible to the job")
    neuron_count: int = field("AWS Neuron cores")

    user_entry_point: str | None = field("what to run: train.py, pkg/train.py, pkg.train, run.sh")
    module_name: str | None = field("the entry point without .py")
    module_dir: str = field("where the submitted code comes from: a folder or URL")
    framework_module: str | None = field("SAGEMAKER_TRAINING_MODULE")
    job_name: str | None = field("name of the training job")
    region: str | None = field("AWS region")
    enable_metrics: bool = field("sagemaker_enable_cloudwatch_metrics")
    log_level: int = field("level of what smc and its plugins log, default 20 (INFO)")
    user_args: list[str] = field("the script's arguments")
    argument_style: ArgumentStyle = field("how hyperparameters become arguments: SMC_ARGS")
    argument_order: ArgumentOrder = field("order of the arguments, by name or as in the file: SMC_ARGS_ORDER")

    sources: builtins.dict[str, Source] = field(default_factory=dict, listed=False)
    """Field name → where its value came from; ``hps.epochs`` → where one entry came from, if not from there too."""

    def __init__(self, **given: Any) -> None:
        missing = [name for name, field in fields(Environment).items() if field.is_required and name not in given]
        if missing:
            raise TypeError(
                f"Environment() has no {missing[0]}{f' and {len(missing) - 1} fields more' if missing[1:] else ''}: "
                "Environment.create() reads them from the job's files"
            )
        super().__init__(**given)

    @classmethod
    def create(
        cls: type[EnvironmentT],
        session: Any = None,
        *,
        base_dir: str | None = None,
        environ: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> EnvironmentT:
        """Read the Environment of this job from the contract's files, the variables and the machine.

        Args:
            session: anything with a ``region_name``, such as a boto3 session: gives the region.
            base_dir: the base directory; None for ``SAGEMAKER_BASE_DIR``, or else ``/opt/ml``.
            environ: the variables, by default those of this process.
            **fields: further fields of a subclass, or replacements for fields that were read.

        Raises:
            ConfigurationError: a file or variable is malformed.

        """
        with foreign_input(ConfigurationError, "the configuration of the job"):
            facts = gather(session=session, base_dir=base_dir, environ=environ)
        environment = Environment._trusted(facts)  # what was read here is checked already
        own = cls.own_fields(environment, os.environ if environ is None else environ)
        if cls is Environment and not own and not fields:
            return cast("EnvironmentT", environment)
        return cast("EnvironmentT", environment.extend(cls, **{**own, **fields}))

    @classmethod
    def own_fields(cls, environment: Environment, environ: Mapping[str, str]) -> builtins.dict[str, Any]:
        """The fields that :meth:`create` adds or changes: those of a subclass, and fields of the core it replaces.

        Args:
            environment: the core's Environment.
            environ: the variables.

        Returns:
            By name, with ``sources`` too. The base class adds none.

        """
        return {}

    @overload
    def extend(self: EnvironmentT, environment_class: None = None, **fields: Any) -> EnvironmentT: ...

    @overload
    def extend(self, environment_class: type[EnvironmentT], **fields: Any) -> EnvironmentT: ...

    def extend(self, environment_class: type[Environment] | None = None, **fields: Any) -> Environment:
        """A copy of this Environment with other values, or of another class with more fields.

        A plugin's ``create_environment`` returns one. If another plugin has extended the Environment already, the
        result is an instance of both classes. What follows from a replaced field is derived again, unless it is given
        too:

        - ``resource_config``, ``hosts``, ``current_host``: each other, the rank, the master and all else about hosts;
        - ``hp_texts``, ``hps``: each other, and ``user_args``;
        - ``framework_texts``, ``framework_params``: each other, and the groups that distribute;
        - ``input_data_config``: ``channel_dirs``;
        - ``user_entry_point``: ``module_name``.

        Args:
            environment_class: a subclass of Environment that declares more fields; None keeps the class.
            **fields: values of these fields, and of others that are replaced.

        Raises:
            TypeError: a field is unknown, or a required one is missing.
            ValueError: values do not fit their annotations (a ``pydantic.ValidationError`` that names all of them), the
                current host is not one of the hosts, or ``resource_config`` is malformed.

        """
        target = type(self) if environment_class is None else joined(environment_class, type(self))
        hint = "" if environment_class else ": name the class that adds it first, extend(MyEnvironment, ...)"
        given = checked(target, fields, hint)
        held = self._values()
        return target(**{**held, **following(held, given), **given})

    def dict(self) -> builtins.dict[str, Any]:
        """Copies of all fields by name, with the fields and properties that plugins add."""
        names = [name for name, field in fields(self).items() if field.listed]
        return {name: copied(getattr(self, name)) for name in [*names, *properties(type(self), Environment)]}

    @property
    def channel_input_dirs(self) -> builtins.dict[str, str]:
        """Classic name of ``channel_dirs``."""
        return self.channel_dirs

    @property
    def hyperparameters(self) -> builtins.dict[str, Any]:
        """Classic name of ``hps``."""
        return self.hps

    @property
    def num_cpus(self) -> int:
        """Classic name of ``cpu_count``."""
        return self.cpu_count

    @property
    def num_gpus(self) -> int:
        """Classic name of ``gpu_count``."""
        return self.gpu_count

    @property
    def num_neurons(self) -> int:
        """Classic name of ``neuron_count``."""
        return self.neuron_count

    def param(self, name: str) -> Value | None:
        """A platform hyperparameter, such as ``sagemaker_mpi_enabled``: its text, with methods that convert it.

        Args:
            name: its name.

        Returns:
            The value; None if it is missing, null or blank.

        """
        return param(self.framework_texts, name)

    def __getitem__(self, name: str) -> Value:
        if name not in self.hp_texts:
            raise KeyError(f"no hyperparameter {name!r}{did_you_mean(map(repr, nearest(name, self.hp_texts)))}")
        return Value(self.hp_texts[name], name)

    def __contains__(self, name: object) -> bool:
        return name in self.hp_texts

    def __getattr__(self, name: str) -> Any:
        texts = self.__dict__.get("hp_texts", {}) if not name.startswith("__") else {}
        for key, text in texts.items():
            if name in (key, key.replace("-", "_")):
                return Value(text, key)
        raise AttributeError(
            f"the Environment has no field and the job no hyperparameter {name!r}"
            f"{did_you_mean(map(repr, nearest(name, [*fields(self), *texts])))}"
        )

    def __hash__(self) -> int:
        return hash((type(self), self.base_dir, self.job_name, self.current_host))  # other fields are lists and dicts

    def _advice(self, name: str) -> str:
        return f"; extend({name}=...) returns an Environment with another value" if name in fields(self) else ""
