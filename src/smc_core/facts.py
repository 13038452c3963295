"""Where each field of the Environment comes from: files of the contract, variables, the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smc_core import platforms, submitted
from smc_core.arguments import argument_order, argument_style
from smc_core.contract import (
    BASE_DIR_ENV,
    CHANNEL_DEFAULTS,
    HYPERPARAMETERS_FILE,
    INPUT_DATA_CONFIG_FILE,
    LOCAL_RANK_ENV,
    RANK_VARIABLES,
    RESOURCE_CONFIG_FILE,
    JobPaths,
    job_paths,
)
from smc_core.derived import channel_fields, host_fields, hyperparameter_fields, module_name, param_fields
from smc_core.hyperparameters import Value, split_hps, unwrapped
from smc_core.lookup import PLACES, look_up
from smc_core.platforms import Platform
from smc_core.provenance import DEFAULT, Source
from smc_core.readers import read_hyperparameter_texts, read_input_data_config, read_resource_config
from smc_core.resources import cpu_count, default_interface, gpu_count, neuron_count
from smc_core.settings import ARGS, ARGS_ORDER, CHANNEL, HYPERPARAMETER, MASTER_PORT, PLATFORM, STOP_GRACE
from smc_core.submitted import Submitted

DEFAULT_LOG_LEVEL = 20
"""``logging.INFO``."""

Facts = dict[str, tuple[Any, Source]]
"""Field of the Environment → its value, and where that came from."""


def gather(
    session: Any = None, base_dir: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Every field of the Environment by name, and ``sources``: where each came from.

    Args:
        session: anything with a ``region_name``.
        base_dir: the base directory; None for ``SAGEMAKER_BASE_DIR``, or else ``/opt/ml``.
        environ: the variables, by default those of this process.

    Raises:
        ConfigurationError: a file or variable is malformed.

    """
    environ = os.environ if environ is None else environ
    paths = job_paths(base_dir, environ)
    here = {**environ, BASE_DIR_ENV: paths.base}
    platform = platforms.current(here)
    hyperparameters, channels = submitted.hyperparameters(environ), submitted.channels(environ)
    texts, user = split_hps({**read_hyperparameter_texts(paths.base), **hyperparameters.values})
    params = {key: unwrapped(text) for key, text in texts.items()}
    first = _first_process(environ)
    facts: Facts = {
        **_from(Source("base directory"), _folders(paths)),
        **_platform(here, platform),
        **_arguments(environ),
        **first,
        **_from_file(
            paths,
            HYPERPARAMETERS_FILE,
            {**hyperparameter_fields(user, argument_style(environ), argument_order(environ)), **param_fields(params)},
            HYPERPARAMETER.name if hyperparameters.values else None,
        ),
        **_channels(paths, channels, platform),
        **_hosts(paths, platform, params, is_first_process=first["is_first_process"][0]),
        **_from(
            Source("machine"),
            {"cpu_count": cpu_count(), "gpu_count": gpu_count(environ), "neuron_count": neuron_count()},
        ),
        **_job(environ, params, paths, session, platform),
    }
    values = {field: value for field, (value, _) in facts.items()}
    sources = {field: _as_submitted(source, hyperparameters.variables) for field, (_, source) in facts.items()}
    entries = {
        **hyperparameters.sources("hps", "hp_texts", "framework_texts", "framework_params"),
        **_sources_of_channels(platform, values),
        **channels.sources("channel_dirs"),
    }
    return {**values, "sources": {**sources, **entries}}


def _as_submitted(source: Source, variables: Mapping[str, str]) -> Source:
    """The variable of a hyperparameter, where one has set it."""
    submitted_by = variables.get(source.name) if source.kind == "hyperparameter" else None
    return source if submitted_by is None else Source("variable", submitted_by)


def _from(source: Source, values: Mapping[str, Any]) -> Facts:
    return {field: (value, source) for field, value in values.items()}


def _from_file(paths: JobPaths, name: str, values: Mapping[str, Any], instead: str | None = None) -> Facts:
    """Values from a file; ``instead`` names the variables that have set them if there is no such file."""
    if os.path.lexists(os.path.join(paths.input_config, name)):
        return _from(Source("file", name), values)
    return _from(Source("no file", name) if instead is None else Source("variable", instead), values)


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
        "tensorboard_dir": paths.tensorboard,
    }


def _platform(environ: Mapping[str, str], platform: Platform) -> Facts:
    """What the platform says of itself, and its own places for what the job leaves."""
    facts: Facts = {
        "platform": (platform.name, _source_of_platform(environ, platform)),
        "attempt": (platform.attempt, _said_by(platform, "attempt")),
        "stop_grace": (platforms.stop_grace(environ), _source_of_grace(environ, platform)),
    }
    for field in ("model_dir", "checkpoint_dir", "tensorboard_dir"):
        folder = getattr(platform, field)
        if folder is not None:
            facts[field] = (folder, _said_by(platform, field))
    return facts


def _source_of_platform(environ: Mapping[str, str], platform: Platform) -> Source:
    if PLATFORM.found(environ) is not None or platform.name == platforms.NONE:
        return PLATFORM.source(environ)
    return Source("rule", "variables and files of this platform")


def _source_of_grace(environ: Mapping[str, str], platform: Platform) -> Source:
    if STOP_GRACE.found(environ) is not None or platform.name == platforms.NONE:
        return STOP_GRACE.source(environ)
    return Source("rule", f"platform {platform.name}")


def _said_by(platform: Platform, what: str) -> Source:
    """The variable or file by which the platform said something."""
    name = platform.sources.get(what)
    if name is None:
        return DEFAULT
    return Source("file" if os.path.isabs(name) else "variable", name)


def _hosts(paths: JobPaths, platform: Platform, params: Mapping[str, str], *, is_first_process: bool) -> Facts:
    """The hosts: of the contract's file if there is one, else of the platform, else this one alone."""
    hosts = platform.hosts
    is_alone = hosts is None or (len(hosts) == 1 and not platform.are_addresses)
    if is_alone or hosts is None or os.path.lexists(os.path.join(paths.input_config, RESOURCE_CONFIG_FILE)):
        config = read_resource_config(paths.base)
        return _from_file(paths, RESOURCE_CONFIG_FILE, host_fields(config, params, is_first_process=is_first_process))
    config = {"current_host": hosts[platform.rank], "hosts": hosts, "network_interface_name": default_interface()}
    values = host_fields(
        config,
        params,
        is_first_process=is_first_process,
        master=platform.master,
        hosts_resolve=platform.are_addresses,
    )
    facts = _from(_said_by(platform, "hosts"), values)
    for field in ("current_host", "host_rank", "is_master", "is_primary"):
        facts[field] = (values[field], _said_by(platform, "rank"))
    if platform.master is not None:
        facts["master_hostname"] = (platform.master, _said_by(platform, "master"))
    return facts


def _channels(paths: JobPaths, submitted_ones: Submitted, platform: Platform) -> Facts:
    """The channels: variables win over the contract's file, and that over the platform's own."""
    listed = read_input_data_config(paths.base)
    of_platform = {name: folder for name, folder in platform.channels.items() if name not in listed}
    elsewhere = {**of_platform, **submitted_ones.values}
    values = channel_fields({**listed, **dict.fromkeys(elsewhere, CHANNEL_DEFAULTS)}, paths.input_data, elsewhere)
    return _from_file(paths, INPUT_DATA_CONFIG_FILE, values, CHANNEL.name if submitted_ones.values else None)


def _sources_of_channels(platform: Platform, values: Mapping[str, Any]) -> dict[str, Source]:
    used = [name for name, folder in platform.channels.items() if values["channel_dirs"].get(name) == folder]
    return {f"channel_dirs.{name}": _said_by(platform, f"channels.{name}") for name in used}


def _arguments(environ: Mapping[str, str]) -> Facts:
    return {
        "argument_style": (argument_style(environ), ARGS.source(environ)),
        "argument_order": (argument_order(environ), ARGS_ORDER.source(environ)),
    }


def _first_process(environ: Mapping[str, str]) -> Facts:
    """Whether no rank variable is other than 0. Several launchers may have set one each."""
    given = [name for name in (*RANK_VARIABLES, LOCAL_RANK_ENV) if name in environ]
    other = [name for name in given if environ[name] != "0"]
    source = Source("variable", (other or given)[0]) if given else DEFAULT
    return {"is_first_process": (not other, source)}


def _job(
    environ: Mapping[str, str], params: Mapping[str, str], paths: JobPaths, session: Any, platform: Platform
) -> Facts:
    found = {field: look_up(field, environ, params) for field in PLACES}
    texts = {field: None if value is None else str(value) for field, (value, _) in found.items()}
    code_dir = os.path.abspath(texts["code_dir"] or paths.code)
    metrics, level = found["enable_metrics"].value, found["log_level"].value
    values = {
        **texts,
        "code_dir": code_dir,
        "module_dir": texts["module_dir"] or code_dir,
        "enable_metrics": metrics is not None and metrics.to_bool(),
        "log_level": DEFAULT_LOG_LEVEL if level is None else _log_level(level),
    }
    facts: Facts = {field: (values[field], source) for field, (_, source) in found.items() if field in values}
    if texts["job_name"] is None and platform.job_name is not None:
        facts["job_name"] = (platform.job_name, _said_by(platform, "job_name"))
    facts["master_port"] = _master_port(environ, platform)
    facts["module_name"] = (module_name(texts["user_entry_point"]), found["user_entry_point"].source)
    region = getattr(session, "region_name", None)
    if region:
        facts["region"] = (region, Source("session"))
    return facts


def _master_port(environ: Mapping[str, str], platform: Platform) -> tuple[int, Source]:
    told = platform.master_port
    if MASTER_PORT.found(environ) is None and told is not None and told <= (MASTER_PORT.most or 0):
        return told, _said_by(platform, "master_port")
    return MASTER_PORT.of(environ), MASTER_PORT.source(environ)


def _log_level(value: Value) -> int:
    import logging

    named = getattr(logging, value.strip().upper(), None)
    return named if isinstance(named, int) else value.to_int()
