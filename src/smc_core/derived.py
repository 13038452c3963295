"""The fields of the Environment that are derived from others.

:mod:`smc_core.facts` reads the input of a job, and derives the other fields here. If a plugin replaces a field, the
fields derived from it are derived again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from smc_core.arguments import ArgumentOrder, ArgumentStyle, arguments
from smc_core.contract import CLASSIC_PARAMS, DISTRIBUTION_GROUPS_PARAM, RESOURCE_CONFIG_FILE
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import Value, decode, param, raw_text
from smc_core.printable import shortened
from smc_core.readers import (
    DEFAULT_INSTANCE_GROUP,
    DEFAULT_INSTANCE_TYPE,
    DEFAULT_NETWORK_INTERFACE,
    check_resource_config,
)

_SWITCH = ("sagemaker_", "_enabled")
"""Prefix and suffix of every hyperparameter that turns a launcher on, even one that no plugin provides."""
_NO_SWITCHES = frozenset({"sagemaker_training_compiler_enabled", "sagemaker_toolkit_native_launcher_enabled"})
"""Hyperparameters of the SageMaker SDK that have such a name but turn no launcher on."""


def following(held: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that change because others are replaced.

    Args:
        held: all fields and their present values.
        given: the fields that are replaced.

    Raises:
        ValueError: the current host is not one of the hosts, or ``resource_config`` is malformed.
        ConfigurationError: a platform hyperparameter is malformed.

    """
    found: dict[str, Any] = {}
    for causes, find in _RULES:
        if not given.keys().isdisjoint(causes):
            found.update(find({**held, **found, **given}, given))
    return found


def launchers_asked_for(texts: Mapping[str, str]) -> list[str]:
    """The hyperparameters that ask for a launcher: ``sagemaker_mpi_enabled`` and all of that form, where they are on.

    Args:
        texts: the platform's hyperparameters, as text.

    Raises:
        ConfigurationError: one is neither true nor false.

    """
    begin, end = _SWITCH
    names = [name for name in texts if name.startswith(begin) and name.endswith(end) and name not in _NO_SWITCHES]
    return sorted(name for name in names if is_on(param(texts, name)))


def is_on(switch: Value | None) -> bool:
    """Whether a switch is given and true.

    Raises:
        ConfigurationError: it is neither true nor false.

    """
    return switch is not None and switch.to_bool()


def hyperparameter_fields(texts: Mapping[str, str], style: ArgumentStyle, order: ArgumentOrder) -> dict[str, Any]:
    """The user's hyperparameters: their values, each decoded once, and the script's arguments.

    Args:
        texts: raw text by name, in the order of the file.
        style: how values become arguments.
        order: the order of the arguments.

    """
    values = {key: decode(text) for key, text in texts.items()}
    return {"hp_texts": dict(texts), "hps": values, "user_args": arguments(texts, style, order, values)}


def param_fields(texts: Mapping[str, str]) -> dict[str, Any]:
    """The platform's hyperparameters, as text and decoded.

    Args:
        texts: raw text by name.

    """
    values = {key: decode(text) for key, text in texts.items()}
    additional = {key: values[key] for key in values if key not in CLASSIC_PARAMS}
    return {
        "framework_texts": dict(texts),
        "framework_params": values,
        "additional_framework_parameters": additional,
    }


def channel_fields(config: Mapping[str, Any], folder: str, elsewhere: Mapping[str, str]) -> dict[str, Any]:
    """The channels and their folders.

    Args:
        config: the content of ``inputdataconfig.json``.
        folder: the folder that holds one folder a channel.
        elsewhere: the folders of channels that are not below it.

    """
    return {
        "input_data_config": dict(config),
        "channel_dirs": {name: elsewhere.get(name) or os.path.join(folder, name) for name in sorted(config)},
    }


def module_name(program: str | None) -> str | None:
    """The entry point without ``.py``."""
    return None if program is None else program.removesuffix(".py")


def host_fields(
    config: dict[str, Any],
    texts: Mapping[str, str],
    *,
    is_first_process: bool,
    master: str | None = None,
    hosts_resolve: bool = True,
) -> dict[str, Any]:
    """The hosts, their groups, and the place of this host among them.

    Args:
        config: the content of ``resourceconfig.json``, with ``hosts`` and ``current_host``.
        texts: the platform's hyperparameters, as text.
        is_first_process: whether no launcher has given this process a rank other than 0.
        master: the address of the master where that is not the name of the first host.
        hosts_resolve: whether the names of the hosts are addresses.

    Raises:
        ConfigurationError: a hyperparameter names an unknown instance group.

    """
    hosts, current = config["hosts"], config["current_host"]
    groups = {group["instance_group_name"]: group for group in config.get("instance_groups") or []}
    group_name = config.get("current_group_name") or DEFAULT_INSTANCE_GROUP
    distributing = _distributing(texts, groups, group_name)
    members = [host for name in distributing if name in groups for host in groups[name]["hosts"]] or list(hosts)
    return {
        "resource_config": config,
        "hosts": hosts,
        "hosts_resolve": hosts_resolve,
        "current_host": current,
        "host_rank": hosts.index(current),
        "master_hostname": master or members[0],
        "is_master": current == members[0],
        "is_primary": current == members[0] and is_first_process,
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


def _distributing(texts: Mapping[str, str], groups: Mapping[str, Any], current: str) -> list[str]:
    text = texts.get(DISTRIBUTION_GROUPS_PARAM)
    if text is not None:
        names = Value(text, DISTRIBUTION_GROUPS_PARAM).to_list()
        for name in names:
            if name not in groups:
                raise ConfigurationError(
                    f"hyperparameter {DISTRIBUTION_GROUPS_PARAM!r} names the instance group {shortened(name, 80)!r}; "
                    f"{RESOURCE_CONFIG_FILE} has {', '.join(groups) or 'none'}"
                )
        return names
    return [current] if launchers_asked_for(texts) else []


def _params_anew(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if "framework_texts" in given:
        return param_fields(given["framework_texts"])
    return param_fields({name: raw_text(value) for name, value in given["framework_params"].items()})


def _hyperparameters_anew(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    texts = values["hp_texts"]
    if "hps" in given and "hp_texts" not in given:
        texts = {key: raw_text(value) for key, value in given["hps"].items()}
    return hyperparameter_fields(texts, values["argument_style"], values["argument_order"])


def _hosts_anew(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Hosts that are given win over those in ``resource_config``, which then names them too."""
    named = ("hosts", "current_host")
    config = {name: values[name] for name in named} | values["resource_config"]
    config |= {name: given[name] for name in named if name in given}
    if config["current_host"] not in config["hosts"]:
        raise ValueError(f"current_host {config['current_host']!r} is not one of the hosts {config['hosts']!r}")
    try:
        check_resource_config(config, "resource_config")
    except ConfigurationError as error:
        raise ValueError(str(error)) from error  # the plugin's mistake, not the user's
    kept = not {"hosts", "resource_config"} & given.keys() and not values["hosts_resolve"]
    return host_fields(
        config,
        values["framework_texts"],
        is_first_process=values["is_first_process"],
        master=values["master_hostname"] if kept else None,
        hosts_resolve=not kept,
    )


def _channels_anew(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    elsewhere = {
        name: path for name, path in values["channel_dirs"].items() if f"channel_dirs.{name}" in values["sources"]
    }
    return channel_fields(values["input_data_config"], values["input_data_dir"], elsewhere)


def _module_anew(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {"module_name": module_name(given["user_entry_point"])}


_Finder = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
_RULES: tuple[tuple[tuple[str, ...], _Finder], ...] = (
    (("framework_texts", "framework_params"), _params_anew),
    (("hp_texts", "hps", "argument_style", "argument_order"), _hyperparameters_anew),
    (
        ("resource_config", "hosts", "current_host", "is_first_process", "framework_texts", "framework_params"),
        _hosts_anew,  # a platform hyperparameter names the groups that distribute
    ),
    (("input_data_config", "input_data_dir"), _channels_anew),
    (("user_entry_point",), _module_anew),
)
"""Fields that are replaced → the function that derives what follows from them; applied in this order."""
