"""Where each field of the Environment comes from: files of the contract, variables, the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smc_core.arguments import user_arguments
from smc_core.contract import (
    CLASSIC_PARAMS,
    DISTRIBUTION_GROUPS_PARAM,
    HYPERPARAMETERS_FILE,
    INPUT_DATA_CONFIG_FILE,
    LOCAL_RANK_ENV,
    RANK_VARIABLES,
    RESOURCE_CONFIG_FILE,
    JobPaths,
    job_paths,
)
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import Value, decode, split_hps, unwrapped
from smc_core.lookup import Lookup
from smc_core.printable import shortened
from smc_core.readers import (
    DEFAULT_INSTANCE_GROUP,
    DEFAULT_INSTANCE_TYPE,
    DEFAULT_NETWORK_INTERFACE,
    read_hyperparameter_texts,
    read_input_data_config,
    read_resource_config,
)
from smc_core.resources import cpu_count, gpu_count, neuron_count
from smc_core.settings import MASTER_PORT

DEFAULT_LOG_LEVEL = 20
"""``logging.INFO``."""

_SWITCH = ("sagemaker_", "_enabled")
"""How the name of a hyperparameter begins and ends that turns a launcher on, a plugin's that is not installed too."""
_NO_SWITCHES = frozenset({"sagemaker_training_compiler_enabled", "sagemaker_toolkit_native_launcher_enabled"})
"""What the SageMaker SDK sets that has such a name and turns no launcher on."""


def launchers_asked_for(platform: Mapping[str, str]) -> list[str]:
    """The hyperparameters that ask for a launcher: ``sagemaker_mpi_enabled`` and all of that form, where they are on.

    Args:
        platform: the platform's hyperparameters, as text.

    Raises:
        ConfigurationError: one is neither true nor false.

    """
    begin, end = _SWITCH
    given = {name: Value(text, name) for name, text in platform.items() if text.strip() not in ("", "null")}
    names = [name for name in given if name.startswith(begin) and name.endswith(end) and name not in _NO_SWITCHES]
    return sorted(name for name in names if given[name].to_bool())


def gather(
    session: Any = None, base_dir: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Every field of the Environment by name, and ``sources``: where each came from.

    Args:
        session: anything with a ``region_name``.
        base_dir: the base directory; None takes ``SAGEMAKER_BASE_DIR``, else ``/opt/ml``.
        environ: the variables, by default those of this process.

    Raises:
        ConfigurationError: a file or variable is malformed.

    """
    environ = os.environ if environ is None else environ
    paths = job_paths(base_dir, environ)
    platform, user = split_hps(read_hyperparameter_texts(paths.base))
    platform = {key: unwrapped(text) for key, text in platform.items()}
    params = {key: decode(text) for key, text in platform.items()}
    lookup = Lookup(environ, platform)
    channels = read_input_data_config(paths.base)
    facts: dict[str, Any] = {
        **_folders(paths),
        "hps": {key: decode(text) for key, text in user.items()},
        "hp_texts": user,
        "framework_params": params,
        "additional_framework_parameters": {key: params[key] for key in params if key not in CLASSIC_PARAMS},
        "input_data_config": channels,
        "channel_dirs": {name: os.path.join(paths.input_data, name) for name in sorted(channels)},
        **host_fields(read_resource_config(paths.base), platform, environ),
        "cpu_count": cpu_count(),
        "gpu_count": gpu_count(environ),
        "neuron_count": neuron_count(),
        **_job(lookup, paths, session),
        "user_args": user_arguments(user, environ),
    }
    facts["sources"] = {**_file_sources(facts), **lookup.sources}
    return facts


def _folders(paths: JobPaths) -> dict[str, str]:
    return {
        "base_dir": paths.base,
        "input_dir": paths.input,
        "input_config_dir": paths.input_config,
        "input_data_dir": paths.input_data,
        "model_dir": paths.model,
        "output_dir": paths.output,
        "output_data_dir": paths.output_data,
        "output_intermediate_dir": paths.output_intermediate,
        "checkpoint_dir": paths.checkpoints,
    }


def host_fields(config: dict[str, Any], platform: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    """Every field of the Environment that follows from who the hosts are.

    Args:
        config: the content of ``resourceconfig.json``, with ``hosts`` and ``current_host``.
        platform: the platform's hyperparameters, as text.
        environ: the variables, among them the rank that a launcher has given this process.

    Raises:
        ConfigurationError: a hyperparameter names a group that there is not.

    """
    hosts, current = config["hosts"], config["current_host"]
    groups = {group["instance_group_name"]: group for group in config.get("instance_groups") or []}
    group_name = config.get("current_group_name") or DEFAULT_INSTANCE_GROUP
    distributing = _distributing(platform, groups, group_name)
    members = [host for name in distributing if name in groups for host in groups[name]["hosts"]] or hosts
    ranks = (*RANK_VARIABLES, LOCAL_RANK_ENV)
    first_process = all(environ.get(variable, "0") == "0" for variable in ranks)
    return {
        "resource_config": config,
        "hosts": hosts,
        "current_host": current,
        "host_rank": hosts.index(current),
        "master_hostname": members[0],
        "is_master": current == members[0],
        "is_primary": current == members[0] and first_process,
        "network_interface_name": config.get("network_interface_name") or DEFAULT_NETWORK_INTERFACE,
        "current_instance_type": config.get("current_instance_type") or DEFAULT_INSTANCE_TYPE,
        "current_instance_group": group_name,
        "current_instance_group_hosts": groups[group_name]["hosts"] if group_name in groups else [],
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "distribution_instance_groups": distributing,
        "distribution_hosts": members,
        "is_hetero": len(groups) > 1,
        "topology": config.get("topology") or [],
    }


def _distributing(platform: Mapping[str, str], groups: Mapping[str, Any], current: str) -> list[str]:
    text = platform.get(DISTRIBUTION_GROUPS_PARAM)
    if text is not None:
        names = Value(text, DISTRIBUTION_GROUPS_PARAM).to_list()
        for name in names:
            if name not in groups:
                raise ConfigurationError(
                    f"hyperparameter {DISTRIBUTION_GROUPS_PARAM!r} names the instance group {shortened(name, 80)!r}; "
                    f"{RESOURCE_CONFIG_FILE} has {', '.join(groups) or 'none'}"
                )
        return names
    return [current] if launchers_asked_for(platform) else []


def _job(lookup: Lookup, paths: JobPaths, session: Any) -> dict[str, Any]:
    region = getattr(session, "region_name", None)
    code_dir = os.path.abspath(str(lookup.text("code_dir", paths.code)))
    program = lookup.text("user_entry_point")
    lookup.sources["module_name"] = lookup.sources["user_entry_point"]
    metrics = lookup.text("enable_metrics")
    level = lookup.text("log_level")
    lookup.text("master_port")
    job = {
        "code_dir": code_dir,
        "user_entry_point": _plain(program),
        "module_name": None if program is None else str(program).removesuffix(".py"),
        "module_dir": _plain(lookup.text("module_dir", code_dir)),
        "framework_module": _plain(lookup.text("framework_module")),
        "job_name": _plain(lookup.text("job_name")),
        "region": _plain(lookup.text("region")),
        "enable_metrics": metrics is not None and metrics.to_bool(),
        "log_level": DEFAULT_LOG_LEVEL if level is None else _log_level(level),
        "master_port": MASTER_PORT.of(lookup.environ),
    }
    if region:
        job["region"] = region
        lookup.sources["region"] = "session"
    return job


def _plain(value: Value | None) -> str | None:
    return None if value is None else str(value)


def _log_level(value: Value) -> int:
    import logging

    named = getattr(logging, value.strip().upper(), None)
    return named if isinstance(named, int) else value.to_int()


def _file_sources(facts: Mapping[str, Any]) -> dict[str, str]:
    config = facts["input_config_dir"]
    files = {
        HYPERPARAMETERS_FILE: ("hps", "hp_texts", "framework_params", "additional_framework_parameters", "user_args"),
        INPUT_DATA_CONFIG_FILE: ("input_data_config", "channel_dirs"),
        RESOURCE_CONFIG_FILE: tuple(_HOST_FIELDS),
    }
    sources = dict.fromkeys(facts, "base directory")
    sources |= dict.fromkeys(("cpu_count", "gpu_count", "neuron_count"), "this machine")
    for name, fields in files.items():
        found = os.path.lexists(os.path.join(config, name))
        sources |= dict.fromkeys(fields, name if found else f"default: no {name}")
    return sources


_HOST_FIELDS = (
    "resource_config",
    "hosts",
    "current_host",
    "host_rank",
    "master_hostname",
    "is_master",
    "is_primary",
    "network_interface_name",
    "current_instance_type",
    "current_instance_group",
    "current_instance_group_hosts",
    "instance_groups",
    "instance_groups_dict",
    "distribution_instance_groups",
    "distribution_hosts",
    "is_hetero",
    "topology",
)
