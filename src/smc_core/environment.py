"""The Environment: all that a job knows about itself, in one frozen object.

The functions and names that read the contract's files are found here too (``read_config``, ``read_hps``, …), as
the lower level that :meth:`Environment.create` is composed of.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from smc_core.arguments import user_arguments
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
from smc_core.errors import ConfigurationError
from smc_core.facts import gather, host_fields
from smc_core.foreign import foreign_input
from smc_core.hyperparameters import Value, decode, raw_text, split_hps
from smc_core.readers import channel_dir, read_config, read_hps, read_input_data_config, read_resource_config
from smc_core.resources import cpu_count, gpu_count

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
    "Value",
    "channel_dir",
    "cpu_count",
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
"""Classic name of an attribute → the field that it is."""

EnvironmentT = TypeVar("EnvironmentT", bound="Environment")


class Environment(BaseModel):
    """What a training job knows about itself: folders, hosts, channels, hyperparameters, resources.

    Frozen. A subclass may add fields; a plugin adds them through the ``create_environment`` hook
    (:meth:`extend`). A user hyperparameter is read as ``env["learning-rate"]``, or as an attribute where its name
    allows (``env.batch_size``; ``-`` may be written ``_``), and is a :class:`~smc_core.hyperparameters.Value`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), defer_build=True)

    base_dir: str = Field(description="base directory: SAGEMAKER_BASE_DIR, else /opt/ml")
    input_dir: str = Field(description="BASE/input")
    input_config_dir: str = Field(description="BASE/input/config: the JSON files of the contract")
    input_data_dir: str = Field(description="BASE/input/data: one folder a channel")
    model_dir: str = Field(description="BASE/model: becomes the model artifact")
    output_dir: str = Field(description="BASE/output")
    output_data_dir: str = Field(description="BASE/output/data: further output")
    output_intermediate_dir: str = Field(description="BASE/output/intermediate")
    checkpoint_dir: str = Field(description="BASE/checkpoints: kept in step with storage during the job")
    code_dir: str = Field(description="BASE/code: the user's code, and its working directory")

    hps: builtins.dict[str, Any] = Field(description="the user's hyperparameters, decoded")
    hp_texts: builtins.dict[str, str] = Field(description="the user's hyperparameters, raw text")
    framework_params: builtins.dict[str, Any] = Field(description="the platform's hyperparameters, decoded")
    additional_framework_parameters: builtins.dict[str, Any] = Field(
        description="framework_params less the nine that the classic library understands itself"
    )
    resource_config: builtins.dict[str, Any] = Field(description="resourceconfig.json")
    input_data_config: builtins.dict[str, Any] = Field(description="inputdataconfig.json")
    channel_dirs: builtins.dict[str, str] = Field(description="channel name → its folder")

    hosts: list[str] = Field(description="names of all hosts, in the platform's order")
    current_host: str = Field(description="name of this host, one of hosts")
    host_rank: int = Field(description="index of this host in hosts, from 0")
    master_hostname: str = Field(description="first host of the groups that distribute, else hosts[0]")
    master_port: int = Field(description="TCP port for rendezvous on the master, default 7777")
    is_master: bool = Field(description="whether this host is the master")
    is_primary: bool = Field(description="whether this process is the one of the job that writes the model")
    network_interface_name: str = Field(description="network interface between hosts, default eth0")
    current_instance_type: str = Field(description="instance type, default local")
    current_instance_group: str = Field(description="instance group of this host, default homogeneousCluster")
    current_instance_group_hosts: list[str] = Field(description="hosts of that group; empty without groups")
    instance_groups: list[str] = Field(description="names of all instance groups")
    instance_groups_dict: builtins.dict[str, Any] = Field(
        description="name of a group → its entry in resourceconfig.json"
    )
    distribution_instance_groups: list[str] = Field(description="groups that take part in distributed training")
    distribution_hosts: list[str] = Field(description="hosts of those groups, else all hosts")
    is_hetero: bool = Field(description="whether there is more than one instance group")
    topology: list[builtins.dict[str, Any]] = Field(description="UltraServer placement; mostly empty")

    cpu_count: int = Field(description="processors that the job may use (cgroup quota, affinity)")
    gpu_count: int = Field(description="GPUs visible to the job")
    neuron_count: int = Field(description="AWS Neuron cores")

    user_entry_point: str | None = Field(description="what to run: train.py, pkg/train.py, pkg.train, run.sh")
    module_name: str | None = Field(description="the entry point without .py")
    module_dir: str = Field(description="where the submitted code comes from: a folder or URL")
    framework_module: str | None = Field(description="SAGEMAKER_TRAINING_MODULE")
    job_name: str | None = Field(description="name of the training job")
    region: str | None = Field(description="AWS region")
    enable_metrics: bool = Field(description="sagemaker_enable_cloudwatch_metrics")
    log_level: int = Field(description="level of what smc and its plugins log, default 20 (INFO)")
    user_args: list[str] = Field(description="the script's arguments")

    sources: builtins.dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """Field name → where its value came from."""

    def __init__(self, **fields: Any) -> None:
        missing = [
            name for name, field in Environment.model_fields.items() if field.is_required() and name not in fields
        ]
        if missing:
            raise TypeError(
                f"Environment() has no {missing[0]}{f' and {len(missing) - 1} fields more' if missing[1:] else ''}: "
                "Environment.create() reads them from the job's files"
            )
        super().__init__(**fields)

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
            base_dir: the base directory; None takes ``SAGEMAKER_BASE_DIR``, else ``/opt/ml``.
            environ: the variables, by default those of this process.
            **fields: further fields of a subclass, or replacements of what was read.

        Raises:
            ConfigurationError: a file or variable is malformed.

        """
        with foreign_input(ConfigurationError, "the configuration of the job"):
            facts = gather(session=session, base_dir=base_dir, environ=environ)
        if cls is Environment and not fields:
            # What was read here needs no check, and a validator takes time to build.
            return cls.model_construct(**facts)
        own = cls.own_fields(Environment.model_construct(**facts), os.environ if environ is None else environ)
        return cls(**{**facts, **own, **fields})

    @classmethod
    def own_fields(cls, environment: Environment, environ: Mapping[str, str]) -> builtins.dict[str, Any]:
        """What :meth:`create` adds to the core's fields: a subclass's own, and the core's that it changes.

        Args:
            environment: the core's Environment.
            environ: the variables.

        Returns:
            The fields by name; with ``sources``, where each came from. None of them here.

        """
        return {}

    def extend(self, environment_class: type[EnvironmentT], **fields: Any) -> EnvironmentT:
        """This Environment as another class with further fields, which a plugin's ``create_environment`` returns.

        Where another plugin has extended it already, the result is of both classes. What follows from a field that is
        replaced is found anew, unless it is given too: from ``resource_config``, ``hosts`` or ``current_host`` this
        host's rank, the master and all else about hosts; from ``hp_texts`` ``hps`` and ``user_args``.

        Args:
            environment_class: a subclass of Environment that declares the fields.
            **fields: their values; also replacements of fields that exist.

        Raises:
            ValueError: this host is none of the hosts, or a field is missing or of a wrong type (a ValidationError).

        """
        own = type(self)
        if issubclass(environment_class, own):
            target = environment_class
        elif issubclass(own, environment_class):
            target = own
        else:
            module = {"__module__": environment_class.__module__}
            target = type(environment_class.__name__, (environment_class, own), module)
        values = {name: getattr(self, name) for name in own.model_fields}
        return target(**{**values, **self._that_follow(fields), **fields})

    def _that_follow(self, fields: Mapping[str, Any]) -> builtins.dict[str, Any]:
        """The fields that follow from others which are replaced."""
        found: builtins.dict[str, Any] = {}
        given = {name: fields[name] for name in ("hosts", "current_host") if name in fields}
        if given or "resource_config" in fields:
            config = {"hosts": self.hosts, "current_host": self.current_host}
            config |= {**fields.get("resource_config", self.resource_config), **given}
            if config["current_host"] not in list(config["hosts"]):
                raise ValueError(f"current_host {config['current_host']!r} is not one of the hosts {config['hosts']!r}")
            platform = {name: raw_text(value) for name, value in self.framework_params.items() if value is not None}
            found = host_fields(config, platform, os.environ)
        if "hp_texts" in fields:
            texts = fields["hp_texts"]
            hps = {key: decode(text) for key, text in texts.items()}
            found |= {"hps": hps, "user_args": user_arguments(texts, os.environ)}
        return found

    def dict(self) -> builtins.dict[str, Any]:  # type: ignore[override]
        """All fields by name, those of plugins included."""
        return self.model_dump()

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

    def __getitem__(self, name: str) -> Value:
        if name not in self.hp_texts:
            raise KeyError(f"no hyperparameter {name!r}{_nearest(name, self.hp_texts)}")
        return Value(self.hp_texts[name], name)

    def __contains__(self, name: object) -> bool:
        return name in self.hp_texts

    def __getattr__(self, name: str) -> Any:
        texts = self.__dict__.get("hp_texts", {}) if not name.startswith("__") else {}
        for key, text in texts.items():
            if name in (key, key.replace("-", "_")):
                return Value(text, key)
        known = [*type(self).model_fields, *texts]
        raise AttributeError(
            f"the Environment has no field and the job no hyperparameter {name!r}{_nearest(name, known)}"
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    matches = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
