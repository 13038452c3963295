"""Virtual environments for local jobs (``--venv``): created fresh, and kept for later jobs with the same requirements.

Each consists of two folders: ``venv-KEY``, into which the code's requirements are installed, and ``smc-KEY``, with
links to the smc that runs here, its plugins and their requirements. The second comes last on the first one's path. So
no index needs to have smc, and smc's own requirements never hide the user's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from smc_core.code.needs.packages import REQUIREMENTS_ENV, REQUIREMENTS_FILE
from smc_core.contract import REPORT_DIR_ENV
from smc_core.errors import CodeError
from smc_core.local.streams import write_all
from smc_core.local.target import Code
from smc_core.metadata import Distribution, PackageNotFoundError, entry_points
from smc_core.plugins import GROUP
from smc_core.process import log
from smc_core.process.report.reader import Report, read_reports

PROVIDE_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "provide.py")
_CHUNK = 64 * 1024
_STDERR = 2
_PATIENCE = 5.0
"""Seconds that an installer has to exit."""
_ASKING = (REQUIREMENTS_FILE, "pyproject.toml", "setup.py", "setup.cfg")
"""Files that state the requirements of code."""


def provide_venv(code: Code, environ: dict[str, str], job_log: int, *, install: bool) -> str:
    """The interpreter of a virtual environment with the code's requirements, and nothing of this one but smc.

    It is created by uv if that is available, else by Python's ``venv``, and kept below ``~/.cache/smc``, under a hash
    of the requirements, the Python version and the smc that runs here.

    Args:
        code: the code. If it has yet to be fetched, the job itself installs its requirements.
        environ: the variables of the job, which may name another requirement file or an index.
        job_log: descriptor of the job's log, for the installer's output.
        install: whether to install the requirements; otherwise the environment has only smc.

    Returns:
        Path of the interpreter.

    Raises:
        CodeError: it cannot be created, or the requirements cannot be installed.

    """
    cache = os.path.join(environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "smc")
    key = _key(code, environ, install=install)
    place = os.path.join(cache, f"venv-{key}")
    python = os.path.join(place, "bin", "python")
    try:
        os.makedirs(cache, exist_ok=True)
        with _locked(f"{place}.lock"):
            if not os.path.exists(os.path.join(place, "smc-ready")):
                _create(place, os.path.join(cache, f"smc-{key}"))
            if install and code.folder is not None:
                provide(python, code.folder, venv_variables(python, environ), job_log)
    except OSError as error:
        raise CodeError(f"{place} cannot be created: {error.strerror}: {error.filename}") from error
    return python


def venv_variables(python: str, environ: dict[str, str]) -> dict[str, str]:
    """The variables of a process in a virtual environment: as if it were activated.

    Args:
        python: its interpreter.
        environ: the variables outside.

    """
    uv, scripts = _uv(), os.path.dirname(python)
    folders = [scripts, environ.get("PATH", os.defpath), *([os.path.dirname(uv)] if uv else [])]
    return {**environ, "VIRTUAL_ENV": os.path.dirname(scripts), "PATH": os.pathsep.join(folders)}


def provide(python: str, folder: str, environ: dict[str, str], job_log: int) -> None:
    """Install the requirements of a folder of code, as the job itself would.

    Args:
        python: the interpreter to install for.
        folder: the code.
        environ: the variables for the installer.
        job_log: descriptor of the job's log, for the installer's output.

    Raises:
        CodeError: it cannot be installed.

    """
    with tempfile.TemporaryDirectory(prefix="smc-venv-") as reports:
        child = subprocess.Popen(  # noqa: S603 - an argument list
            [python, PROVIDE_PROGRAM, folder],
            env={**environ, REPORT_DIR_ENV: reports},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert child.stderr is not None  # noqa: S101 - a pipe was asked for
            while data := os.read(child.stderr.fileno(), _CHUNK):
                for sink in (_STDERR, job_log):
                    with contextlib.suppress(OSError):  # a reader that is gone is no reason to stop
                        write_all(sink, data)
            status = child.wait()
        except BaseException:
            _stop_group(child)
            raise
        if status:
            raise _not_installed(folder, read_reports(reports))


def _stop_group(child: subprocess.Popen[bytes]) -> None:
    """Stop an installer and all that it has started: a compiler, for example, would go on alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE)


def _not_installed(folder: str, found: Sequence[Report]) -> CodeError:
    """The error that the installing process has reported."""
    if not found:
        return CodeError(f"the requirements of {folder} cannot be installed: see the lines above")
    error = CodeError("\n".join(filter(None, (found[0].message, found[0].explanation))))
    error.details = found[0].details
    return error


def _key(code: Code, environ: dict[str, str], *, install: bool) -> str:
    digest = hashlib.sha256(f"{sys.version}\n{sys.base_prefix}\n{_own_versions()}\n{code.source}\n".encode())
    asking = [code.source or ""]
    if code.folder is not None:
        names = (environ.get(REQUIREMENTS_ENV) or REQUIREMENTS_FILE, *_ASKING[1:])
        asking = [os.path.join(code.folder, name) for name in names]
    for path in asking if install else ():
        with contextlib.suppress(OSError), open(path, "rb") as file:
            digest.update(f"\n{os.path.basename(path)}\n".encode() + file.read())
    return digest.hexdigest()[:16]


def _create(place: str, links: str) -> None:
    """Create a virtual environment that finds smc."""
    for left in (place, links):  # of an interrupted attempt
        shutil.rmtree(left, ignore_errors=True)
    uv = _uv()
    creator = [uv, "venv", "--quiet", "--no-project", "--python"] if uv else []
    command = [*creator, sys.executable, place] if creator else [sys.executable, "-m", "venv", place]
    log.line(f"creating a virtual environment with {'uv' if uv else 'venv'}: {place}")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise CodeError(f"{place} cannot be created: {(ended.stderr or ended.stdout).strip()}")
    _link_smc(links)
    packages = os.path.join(place, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    # "zz": .pth files are read in the order of their names, and this one must come last.
    with open(os.path.join(packages, "zz-smc.pth"), "w", encoding="utf-8") as file:
        file.write(f"import site; site.addsitedir({links!r})\n")
    with open(os.path.join(place, "smc-ready"), "w", encoding="utf-8"):
        pass


def _link_smc(links: str) -> None:
    """Fill a folder with links to smc, its plugins, and their requirements.

    The folder is outside the virtual environment, so that an installer never removes anything from it.
    """
    os.makedirs(links)
    for found in _own_distributions():
        tops = {file.parts[0] for file in found.files or () if len(file.parts) > 1 or file.suffix != ".pyc"}
        for top in sorted(tops - {"..", "__pycache__", os.sep}):
            with contextlib.suppress(FileExistsError):
                os.symlink(str(found.locate_file(top)), os.path.join(links, top))


def _own_distributions() -> Iterator[Distribution]:
    """smc-core, the plugins, and their requirements, each once."""
    from packaging.requirements import Requirement

    names = ["smc-core", *(point.dist.name for point in entry_points(group=GROUP) if point.dist is not None)]
    seen: set[str] = set()
    while names:
        try:
            found = Distribution.from_name(names.pop())
        except PackageNotFoundError:
            continue  # for an extra, or for another platform
        if found.name not in seen:
            seen.add(found.name)
            yield found
            wanted = map(Requirement, found.requires or ())
            names += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]


def _own_versions() -> str:
    return "\n".join(sorted(f"{found.name} {found.version} {found.locate_file('')}" for found in _own_distributions()))


def _uv() -> str | None:
    return shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Keep other jobs out while an environment is created or changed."""
    with open(path, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.line("another job is creating this environment; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
