"""What is to be submitted, checked as far as every engine wants it alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from smc_core import platforms
from smc_core.errors import ConfigurationError
from smc_core.secret_names import is_secret
from smc_core.settings import STOP_GRACE

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PARAMETER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")
"""A label of DNS that begins with a letter, as Services want it: host names are made of it."""
_LONGEST_NAME = 63
"""Characters of a label of DNS (RFC 1123)."""
_MEMORY = re.compile(r"[1-9][0-9]*[MG]\Z")
_SIZE = re.compile(r"[a-z0-9][a-z0-9.:/@_-]*\Z", re.IGNORECASE)


class Request(NamedTuple):
    """What is to run, and on what.

    Attributes:
        target: the file, folder, archive or URL that ``smc run`` is given.
        name: of the job; host names are made of it.
        channels: name → path, as the host sees it.
        hyperparameters: name → text.
        variables: name → text.
        claims: claim of a volume → path where it is mounted.
        hosts: how many.
        gpus: on each host.
        gpu_type: their type, where the engine wants one (``H100``).
        cpus: on each host; None leaves it to the engine.
        memory: on each host, as ``64G`` or ``900M``; None leaves it to the engine.
        minutes: the time limit; None leaves it to the engine.
        grace: seconds from the stop signal to SIGKILL.
        image: of the container; None where there is none.
        job_dir: folder of the job, as the host sees it; None for the default of ``smc run``.
        role: ARN of the role of a SageMaker job.
        instance_type: of a SageMaker job.
        output: where SageMaker puts the results, ``s3://…``.
        checkpoints: where SageMaker keeps checkpoints, ``s3://…``; None for nowhere.
    """

    target: str
    name: str
    channels: dict[str, str]
    hyperparameters: dict[str, str]
    variables: dict[str, str]
    claims: dict[str, str]
    hosts: int = 1
    gpus: int = 0
    gpu_type: str | None = None
    cpus: int | None = None
    memory: str | None = None
    minutes: int | None = None
    grace: int = 120
    image: str | None = None
    job_dir: str | None = None
    role: str | None = None
    instance_type: str | None = None
    output: str | None = None
    checkpoints: str | None = None

    def command(self, channels: dict[str, str] | None = None) -> list[str]:
        """``smc run`` with the target and its options, as a list of arguments.

        Args:
            channels: name → path, where the hosts see other paths than those that were given.

        """
        given = self.channels if channels is None else channels
        words = ["smc", "run", self.target]
        words += [word for name, path in given.items() for word in ("-c", f"{name}={path}")]
        words += [word for name, value in self.hyperparameters.items() for word in ("-p", f"{name}={value}")]
        return words if self.job_dir is None else [*words, f"--job-dir={self.job_dir}"]


def checked(request: Request) -> Request:
    """The request, with the time to stop in that smc has to know as well as the engine: ``SMC_STOP_GRACE``.

    Raises:
        ConfigurationError: something in it is no good for any engine.

    """
    if not _NAME.match(request.name):
        _refuse(f"--name {request.name!r}: use a-z, 0-9 and '-', with a letter first and no '-' at the end")
    longest = _LONGEST_NAME - len(f"-{request.hosts - 1}")
    if len(request.name) > longest:
        _refuse(
            f"--name {request.name!r} has {len(request.name)} characters; with {request.hosts} hosts, use {longest}"
        )
    _check_numbers(request)
    if request.memory is not None and not _MEMORY.match(request.memory):
        _refuse(f"--memory {request.memory!r}: use a number with M or G, such as 64G")
    for option, word in (("--image", request.image), ("--gpu-type", request.gpu_type)):
        if word is not None and not _SIZE.match(word):
            _refuse(f"{option} {word!r}: letters, digits and . : / @ _ - only, with a letter or digit first")
    if request.target.startswith("-"):
        _refuse(f"target {request.target!r} begins with '-': write ./{request.target}")
    for claim, path in request.claims.items():
        if not path.startswith("/"):
            _refuse(f"--claim {claim}={path}: the path must begin with '/'")
    _check_texts(request)
    grace = f"{platforms.less_margin(request.grace):g}"
    return request._replace(variables={STOP_GRACE.name: grace, **request.variables})


def path_in_container(engine: str, target: str) -> str:
    """The target, where ``smc run`` takes it as the entry point of the job in ``/opt/ml``.

    Args:
        engine: its name.
        target: what was given.

    Raises:
        ConfigurationError: it is not the path of a file.

    """
    if "://" not in target and ("/" in target or target.endswith((".py", ".sh"))):
        return target
    raise ConfigurationError(
        f"smc manifest {engine}: target {target!r} must be a path in the image, such as ./train.py"
    )


def _check_numbers(request: Request) -> None:
    for option, number, least in (
        ("--hosts", request.hosts, 1),
        ("--gpus", request.gpus, 0),
        ("--cpus", request.cpus, 1),
        ("--time", request.minutes, 1),
        ("--grace", request.grace, 1),
    ):
        if number is not None and number < least:
            _refuse(f"{option} {number}: must be at least {least}")


def _check_texts(request: Request) -> None:
    texts = [request.target, request.job_dir or "", request.role or "", request.output or "", request.checkpoints or ""]
    tables = (request.channels, request.hyperparameters, request.variables, request.claims)
    for text in [*texts, *(value for table in tables for value in table.values())]:
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            _refuse(f"{text[:80]!r} is not text in UTF-8, or has a NUL character")


def pairs(given: Iterable[str] | None, option: str) -> dict[str, str]:
    """Name → value of ``-c``, ``-p``, ``--env`` and ``--claim``.

    Args:
        given: the words after the option.
        option: its spelling.

    Raises:
        ConfigurationError: one has no ``=``, a name that cannot be used or was given twice, or that of a secret.

    """
    pattern = {"-c": _CHANNEL, "-p": _PARAMETER, "--env": _VARIABLE, "--claim": _NAME}[option]
    found: dict[str, str] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not equals:
            hint = "; a file is on this machine, not on the hosts: name each" if name.startswith("@") else ""
            _refuse(f"{option} {word!r}: write NAME=VALUE{hint}")
        if not pattern.match(name):
            _refuse(f"{option} {word!r}: {name!r} cannot be used as a name there")
        if name in found:
            _refuse(f"{option} {name} was given twice")
        if option in ("-p", "--env") and is_secret(name):
            _refuse(
                f"{option} {name}: this looks like a secret, and everyone who can read the manifest would read it; "
                "use the engine's own secrets"
            )
        found[name] = value
    return found


def name_of(target: str) -> str:
    """A job's name from its target: ``My_train.py`` → ``my-train``."""
    stem = re.sub(r"\.[A-Za-z.]{1,8}\Z", "", target.rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].rstrip("-")
    return name if name[:1].isalpha() else f"job-{name}".rstrip("-")


def required(engine: str, wanted: Sequence[tuple[str, object]]) -> None:
    """Check that what an engine needs was given.

    Args:
        engine: its name.
        wanted: option and its value.

    Raises:
        ConfigurationError: some were not.

    """
    missing = [option for option, value in wanted if value is None]
    if missing:
        _refuse(f"smc manifest {engine} needs {', '.join(missing)}")


def unsupported(engine: str, given: Sequence[tuple[str, object]]) -> None:
    """Refuse what an engine cannot do, instead of leaving it out silently.

    Args:
        engine: its name.
        given: option and its value.

    Raises:
        ConfigurationError: one was given.

    """
    for option, value in given:
        if value:
            _refuse(f"smc manifest {engine} has no use for {option}")


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)
