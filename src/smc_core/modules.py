"""Fetches, installs and imports user code: the lower level, which a framework's own function can use."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from types import ModuleType

from smc_core.code.fetch.download import download
from smc_core.code.needs.install import install
from smc_core.contract import DEFAULT_MODULE_NAME
from smc_core.errors import CodeError
from smc_core.functions import execute

__all__ = [
    "DEFAULT_MODULE_NAME",
    "download",
    "download_and_import",
    "execute",
    "import_module",
    "install",
    "start_metrics",
]

METRICS_SECONDS = 60.0
"""How often :func:`start_metrics` logs by default."""


def import_module(name: str, folder: str | os.PathLike[str] | None = None) -> ModuleType:
    """Import a module by name, or a Python file by its path.

    Args:
        name: ``train``, ``train.py``, ``pkg.train`` or ``pkg/train.py``; also a file whose name is not an identifier
            (``my-train.py``), or an absolute path.
        folder: a folder to find it in, which is put at the front of ``sys.path`` and stays there; None to use
            ``sys.path`` unchanged.

    Raises:
        CodeError: there is no such module.
        Exception: whatever the module raises when it is imported.

    """
    if os.path.isabs(name):
        folder, name = os.path.split(name)
    if folder is not None and os.fspath(folder) not in sys.path:
        sys.path.insert(0, os.fspath(folder))
    dotted = name.removesuffix(".py").replace("/", ".").strip(".")
    path = os.path.join(folder or os.curdir, name if name.endswith(".py") else name.replace(".", "/") + ".py")
    try:
        module = importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        if error.name is None or not (dotted == error.name or dotted.startswith(error.name + ".")):
            raise  # the module exists, but something that it imports does not
        if not os.path.isfile(path):
            where = f" in {os.fspath(folder)}" if folder is not None else ""
            raise CodeError(f"there is no module {dotted!r}{where}") from error
        return _import_file(dotted, path)
    file = getattr(module, "__file__", None)
    if os.path.isfile(path) and not (file and os.path.samefile(file, path)):
        raise CodeError(f"{path} cannot be imported: a module {dotted!r} is loaded from {file}; give it another name")
    return module


def download_and_import(
    url: str, name: str = DEFAULT_MODULE_NAME, dst: str | os.PathLike[str] | None = None
) -> ModuleType:
    """Fetch code, install its requirements, and import it.

    Args:
        url: where the code is (:func:`download`).
        name: the module to import from it.
        dst: the folder for the code; None for a new temporary one, or to use a local folder in place.

    Returns:
        The module.

    Raises:
        CodeError: the code cannot be fetched or installed, or has no such module.

    """
    if dst is None and os.path.isdir(url):
        folder = os.path.abspath(url)
    else:
        folder = download(url, dst if dst is not None else tempfile.mkdtemp(prefix="smc-code-"))
    installed = install(folder)
    if installed.path_entry is not None:
        sys.path.insert(0, installed.path_entry)
    return import_module(name, folder)


def start_metrics(interval: float = METRICS_SECONDS, log: Callable[[str], None] | None = None) -> threading.Event:
    """Log a line about processors, memory and disk at regular intervals, suited to a metric's regular expression.

    The line reads ``metrics cpu_percent=12.5 memory_percent=40.1 memory_bytes=123456 disk_percent=71.0``.

    Args:
        interval: seconds between two lines, 60 by default.
        log: called with each line; None logs at level INFO to the logger ``smc.metrics``.

    Returns:
        An event that stops it when set. It also stops with the process.

    """
    import psutil

    from smc_core.resources import memory_bytes

    write = log or logging.getLogger("smc.metrics").info
    process = psutil.Process()
    limit = memory_bytes() or psutil.virtual_memory().total
    ended = threading.Event()

    def measure() -> str:
        family = [process, *process.children(recursive=True)]
        used = 0
        for member in family:
            try:
                used += member.memory_info().rss
            except psutil.Error:  # it has exited meanwhile
                continue
        return (
            f"metrics cpu_percent={psutil.cpu_percent():.1f} memory_percent={100 * used / limit:.1f} "
            f"memory_bytes={used} disk_percent={psutil.disk_usage(os.getcwd()).percent:.1f}"
        )

    def run() -> None:
        psutil.cpu_percent()  # the first call only starts the measurement
        while not ended.wait(interval):
            write(measure())

    threading.Thread(target=run, name="smc-metrics", daemon=True).start()
    return ended


def _import_file(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CodeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
