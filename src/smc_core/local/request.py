"""The request for a local job: from the command line to checked values, and to JSON and back."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from smc_core import submitted
from smc_core.contract import (
    BASE_DIR_ENV,
    CODE_DIR_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    REPORT_DIR_ENV,
    SUBMIT_DIR_ENV,
)
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import parse_preserving_numbers, raw_text
from smc_core.local.site import Site
from smc_core.readers import CHANNEL_NAME, read_config

OWN_VARIABLES = frozenset(
    {BASE_DIR_ENV, CODE_DIR_ENV, NAMED_PROGRAM_ENV, NAMED_SOURCE_ENV, REPORT_DIR_ENV, SUBMIT_DIR_ENV}
)
"""Variables that only smc sets: the locations of the job and its code."""
MOST_HOSTS = 99
"""The most hosts to simulate: each is a whole job on this machine."""
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True)
class Request:
    """A local job as it was asked for. Paths are absolute.

    Attributes:
        target: a file, folder or archive of code, or a URL; for only a module, the working directory.
        module: the entry point as a module, or None.
        channels: channel name → its folder or file.
        hyperparameters: name → raw text.
        variables: variables of the job.
        mode: ``script`` or ``function``; None to let smc choose.
        install: whether to install requirements.
        venv: whether the job gets its own virtual environment.
        hosts: how many hosts to simulate; 0 for this machine as it is.
    """

    target: str
    module: str | None = None
    channels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hyperparameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mode: str | None = None
    install: bool = False
    venv: bool = False
    hosts: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Request:
        """The inverse of :meth:`to_json`; unknown fields, from another version of smc, are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in names})


def from_options(
    options: argparse.Namespace,
    earlier: Request | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    site: Site | None = None,
    in_container: bool = False,
) -> Request:
    """Check what was asked for on the command line, and with variables such as ``SMC_HP_EPOCHS``.

    Args:
        options: those of :func:`smc_core.cli.options.add_options`, ``target`` and ``module``.
        earlier: the request of a job to resume; what is given now overrides it.
        environ: the variables of this process. An option wins over a variable, and so does the job to resume: its
            request has the variables that it was given.
        site: the platform's job that it is a part of.
        in_container: whether requirements are installed unless an option says otherwise, as in any job of a container.

    Raises:
        ConfigurationError: a name, a path or a file is invalid.

    """
    before = earlier or Request(_target(options))
    if earlier is not None and not earlier.target:
        before = dataclasses.replace(earlier, target=_target_again(options))
    elif earlier is not None and (options.target or options.module):
        raise ConfigurationError("--resume runs the code of the earlier job: no TARGET, no -m")
    if options.hosts is not None and not 1 <= options.hosts <= MOST_HOSTS:
        raise ConfigurationError(f"--hosts {options.hosts}: expected a number from 1 to {MOST_HOSTS}")
    hosts = before.hosts if options.hosts is None else options.hosts
    if hosts and site is not None and site.is_one_of_several:
        raise ConfigurationError(
            f"--hosts {hosts}: the hosts of this job come from {site.platform}, which has {len(site.hosts)}; "
            "leave --hosts out"
        )
    variables = {**before.variables, **_variables(options.variables or ())}
    submitted_by = {**environ, **variables}
    channels = {**submitted.channels(submitted_by, files=True).values, **before.channels}
    return dataclasses.replace(
        before,
        module=options.module or before.module,
        channels=_merged_channels(channels, _channels(options.channels or ())),
        hyperparameters={
            **submitted.hyperparameters(submitted_by).values,
            **before.hyperparameters,
            **_hyperparameters(options.hyperparameters or ()),
        },
        variables=variables,
        mode=options.mode or before.mode,
        install=_installs(options, before, in_container=in_container and not hosts),
        venv=options.venv or before.venv,
        hosts=hosts,
    )


def _installs(options: argparse.Namespace, before: Request, *, in_container: bool) -> bool:
    if options.requirements is not None:
        return bool(options.requirements)
    return options.venv or before.install or in_container


def _target(options: argparse.Namespace) -> str:
    target = "" if options.target in (None, "train") else str(options.target)
    if not target and options.module is None:
        raise ConfigurationError("nothing to run: smc run train.py, smc run ./folder, or smc run -m pkg.train")
    if options.module is not None and target.endswith((".py", ".sh")):  # a folder or archive may hold the module
        raise ConfigurationError(f"{target!r} and -m {options.module} both name an entry point")
    return target if "://" in target else os.path.abspath(target)


def _target_again(options: argparse.Namespace) -> str:
    if not options.target or options.module:
        raise ConfigurationError(
            "--resume: the code came from a URL with credentials, which are not stored; give the URL again as TARGET"
        )
    return _target(options)


def _channels(texts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, path = _pair(text, "-c", "training=./data")
        if not CHANNEL_NAME.fullmatch(name) or set(name) == {"."}:
            raise ConfigurationError(f"-c {text}: a channel name has 1 to 64 letters, digits, '.', '-' or '_'")
        if name in found:
            raise ConfigurationError(
                f"-c {text}: the channel {name} is given twice, first as {found[name]}; give it once"
            )
        if not path:
            raise ConfigurationError(f"-c {text}: the path of the channel is empty; for example -c {name}=./data")
        if "://" in path:
            raise ConfigurationError(f"-c {text}: a channel of a local job is a folder or file on this machine")
        if not os.path.exists(path):
            raise ConfigurationError(f"-c {text}: there is no {os.path.abspath(path)}")
        found[name] = os.path.abspath(path)
    return found


def _merged_channels(before: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The earlier channels, which may no longer exist, overridden by those that are given."""
    merged = {**before, **given}
    for name, path in merged.items():
        if not os.path.exists(path):
            raise ConfigurationError(f"-c {name}={path}: there is no {path}")
    return merged


def _hyperparameters(texts: Iterable[str]) -> dict[str, str]:
    """The last value of a name counts, whether it comes from a file or not."""
    found: dict[str, str] = {}
    for text in texts:
        if text.startswith("@"):
            found |= _from_file(text)
        else:
            name, value = _pair(text, "-p", "epochs=5")
            found[name] = value
    return found


def _from_file(text: str) -> dict[str, str]:
    if not os.path.isfile(text[1:]):
        raise ConfigurationError(f"-p {text}: there is no file {os.path.abspath(text[1:])}")
    return {name: raw_text(value) for name, value in read_config(text[1:], parse_preserving_numbers).items()}


def _variables(texts: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, value = _pair(text, "-e", "OMP_NUM_THREADS=1")
        if not _VARIABLE_NAME.fullmatch(name):
            raise ConfigurationError(f"-e {text}: {name!r} is not the name of a variable")
        if name in OWN_VARIABLES:
            raise ConfigurationError(f"-e {text}: smc sets {name} itself in a local job; TARGET says where the code is")
        found[name] = value
    return found


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigurationError(f"{option} {text}: expected NAME=VALUE, for example {option} {example}")
    return name, value
