"""The platforms that a job may run on, one file each. Standard library only: the supervisor asks, too.

To add one, write a file with ``NAME``, ``is_here`` and ``describe``, and put it into :data:`PLATFORMS`. A plugin may
describe a platform of its own: it wraps ``create_environment`` and replaces ``platform``, ``hosts``, ``current_host``.
"""

from __future__ import annotations

from smc_core.errors import ConfigurationError
from smc_core.platforms import (
    aws_batch,
    azureml,
    dstack,
    kubeflow,
    kubernetes,
    ray,
    sagemaker,
    skypilot,
    slurm,
    vertex,
)
from smc_core.platforms.base import KUBERNETES, Platform
from smc_core.platforms.reader import Reader
from smc_core.settings import PLATFORM, STOP_GRACE, TERMINATION_LOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = [
    "NONE",
    "PLATFORMS",
    "Platform",
    "current",
    "keeps_elsewhere",
    "reason_file",
    "signals_every_process",
    "stop_grace",
]

PLATFORMS = (sagemaker, skypilot, dstack, slurm, vertex, azureml, aws_batch, kubeflow, kubernetes, ray)
"""In the order in which they are looked for: SkyPilot and dstack know more than the Kubernetes or Slurm below them."""
NONE = "none"
"""The name of no platform: a laptop, a container that someone starts by hand."""
TERMINATION_LOG_PATH = "/dev/termination-log"
"""The kubelet's default for ``terminationMessagePath``, which a pod cannot see."""
UNTOLD_GRACE = 110.0
"""Seconds of grace where the platform does not say when it kills.

As on SageMaker. A container's engine kills ten seconds after its signal unless it was told otherwise, which a container
cannot see: a shorter time would cut off a script that has more, and a first outcome is on disk before either.
"""


def current(environ: Mapping[str, str], *, root: str = "/") -> Platform:
    """What the platform of this process says; ``SMC_PLATFORM`` overrides which one that is.

    Args:
        environ: the variables.
        root: the folder in which to look for a platform's files: ``/``, but in tests.

    Raises:
        ConfigurationError: a variable of the platform is malformed, or ``SMC_PLATFORM`` names another platform.

    """
    found = _found(environ, root)
    if found is None:
        return Platform(NONE)
    reader = Reader(environ, root)
    platform: Platform = found.describe(reader)
    platform.sources = reader.sources
    if platform.hosts is not None and platform.rank >= len(platform.hosts):
        raise ConfigurationError(f"{platform.name}: rank {platform.rank} of {len(platform.hosts)} hosts")
    return platform


def stop_grace(environ: Mapping[str, str], *, root: str = "/") -> float:
    """Seconds that a script has after a stop signal.

    ``SMC_STOP_GRACE``; by default what the platform leaves until SIGKILL, less 15 % (2 s to 10 s) for smc's own end.

    Args:
        environ: the variables.
        root: the folder in which to look for a platform's files.

    Raises:
        ConfigurationError: ``SMC_STOP_GRACE`` is not a number of seconds.

    """
    given = STOP_GRACE.given(environ)
    if given is not None:
        return given
    try:
        found = _found(environ, root)
    except ConfigurationError:
        found = None
    seconds: float | None = None if found is None else found.STOP_SECONDS
    return UNTOLD_GRACE if seconds is None else less_margin(seconds)


def less_margin(seconds: float) -> float:
    """The grace where a platform kills after so many seconds: 120 → 110, 30 → 25, 10 → 8, 3 → 2."""
    margin = min(max(2.0, 0.15 * seconds), 10.0, seconds / 3)
    return float(int(seconds - margin))


def _found(environ: Mapping[str, str], root: str) -> ModuleType | None:
    """The file of the platform of this process; None for none."""
    chosen = PLATFORM.of(environ)
    if chosen == NONE:
        return None
    here = [each for each in PLATFORMS if (chosen is None or chosen == each.NAME) and each.is_here(environ, root)]
    if here:
        return here[0]
    if chosen is not None:
        marker = next(each.MARKER for each in PLATFORMS if chosen == each.NAME).replace("`", "")
        raise ConfigurationError(f"variable {PLATFORM} is {chosen!r}, but this is not that platform: no {marker}")
    return None


def signals_every_process(environ: Mapping[str, str], *, root: str = "/") -> bool:
    """Whether the platform's stop signal reaches every process of the job: it is not to be passed on again then."""
    try:
        found = _found(environ, root)
    except ConfigurationError:
        return False
    return found is not None and bool(found.signals_every_process(environ))


def keeps_elsewhere(environ: Mapping[str, str]) -> bool:
    """Whether the platform has a folder of its own for the model or for checkpoints."""
    try:
        platform = current(environ)
    except ConfigurationError:
        return False
    return platform.model_dir is not None or platform.checkpoint_dir is not None


def reason_file(environ: Mapping[str, str]) -> str | None:
    """Where the platform reads the reason of an end; None if it reads none.

    ``SMC_TERMINATION_LOG``; by default the kubelet's ``/dev/termination-log`` in a pod, whatever runs on Kubernetes.
    """
    given = TERMINATION_LOG.of(environ)
    if given is not None:
        return None if given == NONE else given
    return TERMINATION_LOG_PATH if KUBERNETES in environ else None
