"""What a folder of code asks for: a requirement file, a package to build, or the dependencies of a project."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from smc_core.errors import CodeError
from smc_core.foreign import foreign_input

REQUIREMENTS_ENV = "SMC_REQUIREMENTS"
REQUIREMENTS_FILE = "requirements.txt"
NOTHING = "none"
"""Value of the variable that turns the installation off."""
PROVIDED = "provided"
"""Value of the variable where the requirements were installed before the job began."""
_DEFAULT_BACKEND = ("setuptools",)
"""Build requirements of a project that names no build system (PEP 517)."""


class Needs(NamedTuple):
    """What a folder of code asks for.

    Attributes:
        requirements: path of a requirement file, or None.
        package: the folder, if it is a package to be built and installed; or None.
        name: the package's name if it is stated, else ``""``.
        dependencies: requirements of a project that is not a package, or of an unpacked wheel.
        dependencies_from: the file that lists them.
        build_requires: requirements for building the package.
    """

    requirements: str | None = None
    package: str | None = None
    name: str = ""
    dependencies: tuple[str, ...] = ()
    dependencies_from: str = ""
    build_requires: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements or self.package or self.dependencies)

    @property
    def shown(self) -> str:
        """The name in messages: ``requirements.txt and the package demo``."""
        parts = [os.path.basename(self.requirements)] if self.requirements else []
        if self.package:
            parts.append(f"the package {self.name}".rstrip() if self.name else "the package in the code folder")
        if self.dependencies:
            parts.append(self.dependencies_from)
        return " and ".join(parts)


class Installed(NamedTuple):
    """What was installed.

    Attributes:
        changed: whether anything was.
        summary: one line for the log; empty if nothing was asked for.
        path_entry: a folder of this job to put at the front of ``sys.path``, if site-packages is not writable; else
            None.
        scripts: the folder with its programs, for ``PATH``; or None.
    """

    changed: bool = False
    summary: str = ""
    path_entry: str | None = None
    scripts: str | None = None


@foreign_input(CodeError, "what the code requires")
def find_needs(folder: str, environ: Mapping[str, str]) -> Needs:
    """Find out what a folder of code asks for.

    A ``pyproject.toml`` with a ``[build-system]``, or a ``setup.py`` with any code in it, makes it a package. A
    ``[project]`` table alone lists dependencies, as for ``uv``. A ``pyproject.toml`` with nothing but settings of tools
    asks for nothing.

    Args:
        folder: the code.
        environ: ``SMC_REQUIREMENTS`` names a file other than ``requirements.txt``, relative to the folder or absolute;
            the word ``none`` leaves the environment unchanged.

    Raises:
        CodeError: ``SMC_REQUIREMENTS`` names a file that does not exist, or ``pyproject.toml`` is malformed.

    """
    if environ.get(REQUIREMENTS_ENV) in (NOTHING, PROVIDED):
        return Needs()
    requirements = _requirements(folder, environ)
    project = os.path.join(folder, "pyproject.toml")
    settings = _read_toml(project) if os.path.isfile(project) else {}
    table = settings.get("project") or {}
    has_setup = _does_something(os.path.join(folder, "setup.py"))
    wanted = settings.get("tool", {}).get("uv", {}).get("package")
    if wanted is None:
        wanted = "build-system" in settings or has_setup
    if wanted:
        build = settings.get("build-system", {}).get("requires", _DEFAULT_BACKEND)
        return Needs(requirements, folder, str(table.get("name", "")), build_requires=tuple(map(str, build)))
    dependencies, source = tuple(map(str, table.get("dependencies", ()))), "pyproject.toml"
    if not dependencies:
        dependencies, source = _of_unpacked_wheel(folder)
    return Needs(requirements, dependencies=dependencies, dependencies_from=source)


def _does_something(path: str) -> bool:
    """Whether a Python file contains more than comments and strings: an empty ``setup.py`` once was a marker."""
    if not os.path.isfile(path):
        return False
    import ast

    try:
        with open(path, "rb") as file:
            statements = ast.parse(file.read(), path).body
    except OSError as error:
        raise CodeError.of_reading(path, error) from error
    except (SyntaxError, ValueError):
        return True  # the installer will report what is wrong with it
    return not all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in statements)


def _requirements(folder: str, environ: Mapping[str, str]) -> str | None:
    name = environ.get(REQUIREMENTS_ENV)
    path = os.path.join(folder, name or REQUIREMENTS_FILE)
    if os.path.isfile(path):
        return path
    if name:
        raise CodeError(f"variable {REQUIREMENTS_ENV} is {name}, but there is no file {path}")
    return None


def _read_toml(path: str) -> dict[str, Any]:
    from importlib import import_module

    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        with open(path, "rb") as file:
            return dict(toml.load(file))
    except ValueError as error:  # malformed TOML, or not UTF-8
        raise CodeError(f"{path} is malformed: {error}") from error
    except OSError as error:
        raise CodeError.of_reading(path, error) from error


def _of_unpacked_wheel(folder: str) -> tuple[tuple[str, ...], str]:
    """The dependencies of a wheel that was unpacked into the folder, and its name and version."""
    try:
        places = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError as error:
        raise CodeError.of_reading(folder, error) from error
    if len(places) != 1:
        return (), ""
    from smc_core.distributions import Distributions

    wheel = Distributions([folder]).get(places[0].partition("-")[0])
    return ((), "") if wheel is None else (wheel.requires, f"{wheel.name} {wheel.version}")
