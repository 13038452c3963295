"""Reads and checks the JSON files of the contract.

A missing file is not an error: without ``hyperparameters.json`` there are no hyperparameters, without
``inputdataconfig.json`` no channels, and without ``resourceconfig.json`` there is one host, with the name of the
machine. A malformed file raises a :class:`~smc_core.errors.ConfigurationError` that names file and place.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from smc_core.contract import (
    HYPERPARAMETERS_FILE,
    INPUT_DATA_CONFIG_FILE,
    RESOURCE_CONFIG_FILE,
    job_paths,
)
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import decode, parse_preserving_numbers, raw_text
from smc_core.json_file import TooLargeError, parse_json, read_json_text
from smc_core.settings import MAX_CONFIG_BYTES

DEFAULT_NETWORK_INTERFACE = "eth0"
DEFAULT_INSTANCE_TYPE = "local"
DEFAULT_INSTANCE_GROUP = "homogeneousCluster"

CHANNEL_NAME = re.compile(r"[A-Za-z0-9.\-_]{1,64}")


def read_config(path: str | os.PathLike[str], parse: Callable[[str], Any] = parse_json) -> dict[str, Any]:
    """Read a JSON object from a file.

    Args:
        path: the file.
        parse: converts its text into values.

    Returns:
        The object; an empty one if there is no such file.

    Raises:
        ConfigurationError: the file cannot be read, is larger than ``SMC_MAX_CONFIG_BYTES``, is not JSON (reported
            with line and column), or is not an object.

    """
    try:
        content = parse(read_json_text(path, MAX_CONFIG_BYTES.of(os.environ)))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigurationError(f"{path}, {place}: not valid JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}, byte {error.start}: not UTF-8 text") from error
    except TooLargeError as error:
        raise ConfigurationError(f"{path}: {error}; set {MAX_CONFIG_BYTES} if that is intended") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: not usable JSON: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected a JSON object, found {_kind(content)}")
    return content


def read_hyperparameter_texts(base_dir: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """The raw text of every hyperparameter, including those of the platform, in the order of the file."""
    path = os.path.join(job_paths(base_dir).input_config, HYPERPARAMETERS_FILE)
    return {key: raw_text(value) for key, value in read_config(path, parse_preserving_numbers).items()}


def read_hps(base_dir: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The decoded value of every hyperparameter, including those of the platform (:func:`split_hps` separates them)."""
    return {key: decode(text) for key, text in read_hyperparameter_texts(base_dir).items()}


def read_resource_config(base_dir: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The hosts of the job: ``resourceconfig.json``, or only this machine if there is none.

    Raises:
        ConfigurationError: a field is missing or of the wrong kind; the message gives its path.

    """
    path = os.path.join(job_paths(base_dir).input_config, RESOURCE_CONFIG_FILE)
    if not os.path.lexists(path):
        name = os.uname().nodename
        return {"current_host": name, "hosts": [name]}
    config = read_config(path)
    check_resource_config(config, path)
    return config


def check_resource_config(config: dict[str, Any], path: str) -> None:
    """Refuse content that is not valid for a ``resourceconfig.json``.

    Args:
        config: the content.
        path: its name in the message.

    Raises:
        ConfigurationError: a field is missing or of the wrong kind; the message gives its path.

    """
    check = _Checker(path)
    check.text(config, "current_host")
    hosts = check.texts(config, "hosts", "hosts")
    if config["current_host"] not in hosts:
        check.fail("current_host", f"one of hosts ({', '.join(hosts)})", config["current_host"])
    for name in ("network_interface_name", "current_instance_type", "current_group_name"):
        if config.get(name) is not None:
            check.text(config, name)
    for index, group in enumerate(check.objects(config, "instance_groups")):
        check.text(group, "instance_group_name", f"instance_groups[{index}].")
        check.texts(group, "hosts", f"instance_groups[{index}].hosts")
    check.objects(config, "topology")


def read_input_data_config(base_dir: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The channels of the job: ``inputdataconfig.json``, by channel name.

    Raises:
        ConfigurationError: a channel is not an object, or its name is invalid.

    """
    path = os.path.join(job_paths(base_dir).input_config, INPUT_DATA_CONFIG_FILE)
    config = read_config(path)
    check = _Checker(path)
    for name, channel in config.items():
        if not CHANNEL_NAME.fullmatch(name) or set(name) == {"."}:
            check.fail(repr(name), "a channel name of 1 to 64 letters, digits, '.', '-' or '_'", name)
        if channel is not None and not isinstance(channel, dict):
            check.fail(name, "an object", channel)
    return {name: {} if channel is None else channel for name, channel in config.items()}


def channel_dir(channel: str, base_dir: str | os.PathLike[str] | None = None) -> str:
    """The folder with a channel's files (in Pipe mode: the prefix of its FIFOs)."""
    return os.path.join(job_paths(base_dir).input_data, channel)


class _Checker:
    """Checks the fields of one file, and names file and field if one is wrong."""

    def __init__(self, path: str) -> None:
        self.path = path

    def fail(self, place: str, expected: str, found: Any) -> None:
        shown = _kind(found) if isinstance(found, (dict, list)) or found is None else _shown(found)
        raise ConfigurationError(f"{self.path}, {place}: expected {expected}, found {shown}")

    def text(self, config: dict[str, Any], name: str, prefix: str = "") -> None:
        if not isinstance(config.get(name), str) or not config[name]:
            self.fail(prefix + name, "a string", config.get(name))

    def texts(self, config: dict[str, Any], name: str, place: str) -> list[str]:
        items = config.get(name)
        if not isinstance(items, list) or not items:
            self.fail(place, "a list of strings, at least one", items)
        for index, item in enumerate(items or []):
            if not isinstance(item, str) or not item:
                self.fail(f"{place}[{index}]", "a string", item)
        return list(items or [])

    def objects(self, config: dict[str, Any], name: str) -> list[dict[str, Any]]:
        items = config.get(name)
        if items is None:
            return []
        if not isinstance(items, list):
            self.fail(name, "a list of objects", items)
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                self.fail(f"{name}[{index}]", "an object", item)
        return list(items)


def _shown(value: Any) -> str:
    """A value as messages quote it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number")
