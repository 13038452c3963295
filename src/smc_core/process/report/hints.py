"""Advice about a failed import: the nearest installed name, and where to add a requirement."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Iterable

from smc_core.distributions import Distributions
from smc_core.settings import REQUIREMENTS
from smc_core.words import nearest

_CLASSIC = ("sagemaker_training", "sagemaker_containers")
"""AWS's own toolkit, which its examples import."""
_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Modules that training scripts often import and whose distribution has another name."""


def import_hint(error: ImportError) -> str | None:
    """One or two sentences of advice, or None where there is none.

    Args:
        error: an import error as Python raises it, with the ``name`` of the module.

    """
    if not error.name:
        return None
    if isinstance(error, ModuleNotFoundError):
        return _missing(error.name)
    return _broken(error.name, str(error))


def _missing(name: str) -> str:
    top, *inner = name.split(".")
    if inner and top in sys.modules:
        return f"The installed {_version_of(top)} has no module {name}." + _suggest(inner[-1], _submodules(top))
    if top in _CLASSIC:
        return f"smc takes the place of {top}: import smc_core as smc; smc.Environment.create() has the same values."
    requirement = _DISTRIBUTIONS.get(top, top)
    instead = _suggest(top, _importable_names()) if requirement == top else ""
    if os.environ.get(REQUIREMENTS.name) == "none":
        advice = f"{requirement} in requirements.txt is installed by smc run --venv, or --requirements"
        return f"Nothing is installed for this job. If {top} is a package, {advice}." + instead
    return f"If {top} is a package, add it to requirements.txt: {requirement}." + instead


def _broken(name: str, message: str) -> str:
    """Advice where the module was found but lacks the name that was imported from it."""
    top = name.partition(".")[0]
    wanted = message.partition("cannot import name '")[2].partition("'")[0]
    instead = _suggest(wanted, dir(sys.modules[name])) if wanted and name in sys.modules else ""
    return f"Installed: {_version_of(top)}; requirements.txt can ask for another version." + instead


def _suggest(name: str, names: Iterable[str]) -> str:
    near = nearest(name, names, likeness=0.75)
    return f" The nearest name that is installed: {near[0]}." if near else ""


def _importable_names() -> list[str]:
    """Installed top-level modules and distributions, those of the standard library included."""
    modules = {module.name for module in pkgutil.iter_modules()}
    names = modules | set(Distributions().names()) | set(sys.stdlib_module_names)
    return sorted(name for name in names if name and not name.startswith("_"))


def _submodules(top: str) -> list[str]:
    path = getattr(sys.modules[top], "__path__", None)
    return [module.name for module in pkgutil.iter_modules(path)] if path else []


def _version_of(top: str) -> str:
    """``pandas 2.1.0`` for a module of an installed distribution, else the module's name."""
    found = Distributions().get(_DISTRIBUTIONS.get(top, top))
    return top if found is None else f"{found.name} {found.version}"
