"""The frameworks of an image: an installation must not replace them, and a warning says if it replaces what they use.

An image's PyTorch is built for its CUDA and driver. One that a requirement pulls in from an index is not, and the job
then trains on the CPU or not at all. So the installed versions are pinned, and requirements that contradict them are
refused. Packages that such a framework is built against, NumPy above all, may be replaced, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from smc_core.errors import CodeError
from smc_core.settings import ALLOW_FRAMEWORK_UPGRADE

if TYPE_CHECKING:
    from smc_core.code.needs.requirements import Line
    from smc_core.distributions import Distribution, Distributions

FRAMEWORKS = {
    "torch": (),
    "tensorflow": ("tensorflow-cpu", "tensorflow-gpu", "tensorflow-rocm", "intel-tensorflow", "tf-nightly"),
    "jax": (),
    "jaxlib": (),
}
"""Frameworks that bring their own build for a CUDA version → names of other distributions with the same modules."""
BUILT_AGAINST = ("numpy", "keras", "protobuf")
"""Distributions that those frameworks are built against or come with, and that have the same build everywhere."""


def held(installed: Distributions, environ: Mapping[str, str]) -> dict[str, Distribution]:
    """What must stay: a distribution's name → the installed one that provides it, under this or another name."""
    if ALLOW_FRAMEWORK_UPGRADE.of(environ):
        return {}
    found: dict[str, Distribution] = {}
    for name, others in FRAMEWORKS.items():
        present = next((one for one in map(installed.get, (name, *others)) if one is not None), None)
        if present is not None:
            found |= dict.fromkeys((name, *others), present)
    return found


def noted(installed: Distributions) -> dict[str, str]:
    """What may be replaced, with a warning: a distribution's name → the installed version."""
    return {name: one.version for name in BUILT_AGAINST if (one := installed.get(name)) is not None}


def replaced(before: Mapping[str, str], installed: Distributions) -> list[str]:
    """A warning for each distribution that an installation has replaced.

    Args:
        before: the result of :func:`noted` before the installation.
        installed: what is installed now.

    """
    after = noted(installed)
    return [
        f"{name} {version} of this image was replaced by {after[name]}: "
        f"packages that were built against the former may fail"
        for name, version in before.items()
        if after.get(name, version) != version
    ]


def constraints(frameworks: Mapping[str, Distribution]) -> list[str]:
    """The lines of a constraint file that pin them."""
    return [_constraint(name, one) for name, one in frameworks.items()]


def check(missing: Iterable[Line], frameworks: Mapping[str, Distribution]) -> None:
    """Refuse requirements that ask for another version or build of a pinned framework.

    Raises:
        CodeError: one does; the message names it, and the installed version.

    """
    from smc_core.code.needs.unmet import applies, parse, permits
    from smc_core.distributions import normalize

    for line in missing:
        requirement = parse(line.text)
        if requirement is None or not applies(requirement):
            continue
        name = normalize(requirement.name)
        one = frameworks.get(name)
        if one is None:
            continue
        if requirement.url is not None or normalize(one.name) != name or not permits(requirement, one):
            raise CodeError(
                f"{line.where}: {line.shown} would replace {one.name} {one.version} of this image; "
                f"ask for {one.name}=={one.version.partition('+')[0]}, "
                f"or set {ALLOW_FRAMEWORK_UPGRADE}=1 if that is intended"
            )


def explain(tail: str, frameworks: Mapping[str, Distribution]) -> str:
    """A line that says which frameworks were pinned, if the installer's last lines mention one; else empty."""
    named = {f"{one.name} {one.version}": None for name, one in frameworks.items() if _constraint(name, one) in tail}
    if not named:
        return ""
    return f"{', '.join(named)} of this image was pinned; set {ALLOW_FRAMEWORK_UPGRADE}=1 to allow replacing it"


def _constraint(name: str, one: Distribution) -> str:
    from smc_core.distributions import normalize

    return f"{name}=={one.version}" if normalize(one.name) == name else f"{name}<0"
