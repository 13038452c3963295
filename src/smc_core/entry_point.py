"""What the job runs: the entry point is found by name, and recognised as script or function without importing it."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import ast
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from smc_core.contract import PROGRAM_ENV, PROGRAM_PARAM
from smc_core.errors import CodeError, ConfigurationError
from smc_core.printable import shortened
from smc_core.settings import MODE
from smc_core.source import shape
from smc_core.words import did_you_mean, nearest, some_of

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

Mode = Literal["script", "function", "executable"]

_LISTED_FILES = 8


class EntryPoint(NamedTuple):
    """The user's program.

    Attributes:
        name: as it was given: ``train.py``, ``pkg/train.py``, ``pkg.train``, ``run.sh``.
        path: its file, absolute; None for a module whose file is unknown.
        module: dotted name if it is run as ``python -m``; else None.
        mode: ``script`` (as ``__main__``), ``function`` (its ``train`` is called), ``executable`` (anything else).
        reason: why this mode, for the log.
        tree: the syntax tree of a Python file that could be parsed.
    """

    name: str
    path: str | None
    module: str | None
    mode: Mode
    reason: str
    tree: ast.Module | None = None


def resolve(
    name: str | None, code_dir: str, *, as_module: bool = False, environ: Mapping[str, str] | None = None
) -> EntryPoint:
    """Find the entry point, and decide how to run it.

    If there is a file of that name, it is the entry point. Otherwise a dotted name is a module, found in the code
    directory or among the installed packages.

    Args:
        name: ``sagemaker_program``: ``train.py``, ``pkg/train.py``, ``pkg.train``, ``run.sh``, any executable.
        code_dir: the folder that it is relative to.
        as_module: whether it must be a module (``smc run -m``).
        environ: the variables to find ``SMC_MODE`` in.

    Raises:
        ConfigurationError: no entry point is named, or ``SMC_MODE`` is wrong.
        CodeError: there is no such file or module.

    """
    if not name:
        raise ConfigurationError(
            f"no entry point: set the hyperparameter {PROGRAM_PARAM} or the variable {PROGRAM_ENV} "
            f"(for example train.py){_listing(code_dir)}"
        )
    forced = _forced_mode(os.environ if environ is None else environ)
    path = os.path.abspath(os.path.join(code_dir, name))
    if not as_module and os.path.isfile(path):
        if not path.endswith(".py"):
            return EntryPoint(name, path, None, "executable", "not a Python file")
        return EntryPoint(name, path, None, *_mode(path, forced, code_dir))
    found = _module_file(name, code_dir)
    if found is None:
        _refuse_unreadable(path)
        _refuse_unreadable(os.path.join(code_dir, *name.split(".")) + ".py")
        raise CodeError(f"entry point {shortened(name, 80)!r} is neither a file nor a module{_instead(name, code_dir)}")
    return EntryPoint(name, found, name, *_mode(found, forced, code_dir))


def _refuse_unreadable(path: str) -> None:
    """Report that a file cannot be accessed, rather than that it does not exist."""
    try:
        os.stat(path)
    except PermissionError as error:
        raise CodeError.of_reading(path, error) from error
    except (OSError, ValueError):
        pass  # it does not exist; neither does a name with a NUL byte


def _forced_mode(environ: Mapping[str, str]) -> str | None:
    return MODE.of(environ)


def _mode(path: str, forced: str | None, code_dir: str) -> tuple[Mode, str, ast.Module | None]:
    tree, reason = _parsed(path) if path.endswith(".py") else (None, "its source cannot be read")
    if forced:
        return ("function" if forced == "function" else "script"), f"{MODE}={forced}", tree
    if tree is None:
        return "script", reason, None
    try:
        return (*shape(tree, code_dir), tree)
    except RecursionError:
        return "script", "it is nested too deeply to be read", None


def _parsed(path: str) -> tuple[ast.Module | None, str]:
    """The syntax tree of a file, or None and why there is none."""
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read(), path), ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None, "Python cannot parse it"
    except OSError as error:
        raise CodeError.of_reading(path, error) from error


def _module_file(name: str, code_dir: str) -> str | None:
    """The file that ``python -m name`` would run; neither the module nor a package above it is imported."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    below = os.path.join(code_dir, *name.split("."))
    for candidate in (below + ".py", os.path.join(below, "__main__.py")):
        if os.path.isfile(candidate):
            return candidate
    search = [code_dir, *sys.path]
    spec: ModuleSpec | None = None
    for part in [*name.split("."), "__main__"]:
        if spec is not None and part == "__main__" and spec.submodule_search_locations is None:
            break  # a module, not a package
        spec = _spec(part if spec is None else f"{spec.name}.{part}", search, is_top=spec is None)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    return None if spec is None else spec.origin


def _spec(name: str, search: list[str], *, is_top: bool) -> "ModuleSpec | None":
    """What an import would find. The finders are asked one by one: importlib's find_spec() would import the parents."""
    from importlib.machinery import ModuleSpec, PathFinder

    for finder in sys.meta_path:
        path = None if is_top and finder is not PathFinder else search
        try:
            spec = finder.find_spec(name, path)
        except KeyError:  # a namespace in a package that is not imported: its folders are those of this name
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [os.path.join(folder, name.rpartition(".")[2]) for folder in search]
        except (AttributeError, ImportError, ValueError):  # a broken finder
            continue
        if spec is not None:
            return spec
    return None


def _instead(name: str, code_dir: str) -> str:
    files = _files(code_dir)
    same_base = [file for file in files if os.path.basename(file) == os.path.basename(name)]
    near = dict.fromkeys([*same_base, *nearest(name, files, most=3, likeness=0.5)])
    return f" in {code_dir}{did_you_mean(list(near)[:3])}" if near else _listing(code_dir)


def _listing(code_dir: str) -> str:
    files = _files(code_dir)
    if not files:
        return f"; {code_dir} contains no files"
    return f"; {code_dir} contains {some_of(files, _LISTED_FILES)}"


def _files(code_dir: str, limit: int = 2000) -> list[str]:
    """Files below the code directory that could be entry points, nearest the top first."""
    found: list[str] = []
    for folder, folders, names in os.walk(code_dir):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        relative = os.path.relpath(folder, code_dir)
        found += [os.path.normpath(os.path.join(relative, name)) for name in names if not name.startswith(".")]
        if len(found) > limit:
            break
    return sorted(found, key=lambda file: (file.count(os.sep), not file.endswith((".py", ".sh")), file))
