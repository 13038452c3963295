"""Virtual environments for local jobs (``--venv``): fresh, and kept for the next job that asks for the same.

Two folders belong to one: ``venv-KEY``, into which is installed what the code asks for, and ``smc-KEY``, links to the
very smc that runs here, to its plugins and to what they need. The second stands last on the first one's path, so that
neither an index has to have smc, nor smc's own requirements come before the user's.
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
"""Seconds that an installer has to end."""
_ASKING = (REQUIREMENTS_FILE, "pyproject.toml", "setup.py", "setup.cfg")
"""Files in which code says what it needs."""


def provide_venv(code: Code, environ: dict[str, str], job_log: int, *, install: bool) -> str:
    """The interpreter of a virtual environment that has what the code asks for, and nothing of this one but smc.

    Made by uv where it is present, else by Python's own ``venv``, and kept below ``~/.cache/smc`` by the hash of what
    is asked for, the Python version, and the smc that runs here.

    Args:
        code: the code. Where it is yet to be fetched, the job itself installs what it asks for.
        environ: the variables of the job, which may name another requirement file or an index.
        job_log: descriptor of the job's log, which gets what the installer prints.
        install: whether anything is installed; else the environment has smc alone.

    Returns:
        Path of the interpreter.

    Raises:
        CodeError: it cannot be made, or what is asked for cannot be installed.

    """
    cache = os.path.join(environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "smc")
    key = _key(code, environ, install=install)
    place = os.path.join(cache, f"venv-{key}")
    python = os.path.join(place, "bin", "python")
    try:
        os.makedirs(cache, exist_ok=True)
        with _locked(f"{place}.lock"):
            if not os.path.exists(os.path.join(place, "smc-ready")):
                _make(place, os.path.join(cache, f"smc-{key}"))
            if install and code.folder is not None:
                provide(python, code.folder, venv_variables(python, environ), job_log)
    except OSError as error:
        raise CodeError(f"{place} cannot be made: {error.strerror}: {error.filename}") from error
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
    """Install what a folder of code asks for, as the job itself would do it.

    Args:
        python: the interpreter to install for.
        folder: the code.
        environ: the variables for the installer.
        job_log: descriptor of the job's log, which gets what the installer prints.

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
                    with contextlib.suppress(OSError):  # a reader that is gone is no reason to end
                        write_all(sink, data)
            status = child.wait()
        except BaseException:
            _end_group(child)
            raise
        if status:
            raise _not_installed(folder, read_reports(reports))


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End an installer and what it has started: a compiler, say, which would go on alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE)


def _not_installed(folder: str, found: Sequence[Report]) -> CodeError:
    """The error that the child has reported."""
    if not found:
        return CodeError(f"what {folder} needs cannot be installed: see the lines above")
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


def _make(place: str, links: str) -> None:
    """Make a virtual environment that finds smc."""
    for left in (place, links):  # of an attempt that was broken off
        shutil.rmtree(left, ignore_errors=True)
    uv = _uv()
    maker = [uv, "venv", "--quiet", "--no-project", "--python"] if uv else []
    command = [*maker, sys.executable, place] if maker else [sys.executable, "-m", "venv", place]
    log.line(f"a fresh environment is made by {'uv' if uv else 'venv'}: {place}")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise CodeError(f"{place} cannot be made: {(ended.stderr or ended.stdout).strip()}")
    _link_smc(links)
    packages = os.path.join(place, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    with open(os.path.join(packages, "zz-smc.pth"), "w", encoding="utf-8") as file:
        file.write(f"import site; site.addsitedir({links!r})\n")
    with open(os.path.join(place, "smc-ready"), "w", encoding="utf-8"):
        pass


def _link_smc(links: str) -> None:
    """Fill a folder with links to smc, its plugins, and what they need.

    It is a folder of its own, outside of the virtual environment: an installer removes nothing that lies there.
    """
    os.makedirs(links)
    for found in _own_distributions():
        tops = {file.parts[0] for file in found.files or () if len(file.parts) > 1 or file.suffix != ".pyc"}
        for top in sorted(tops - {"..", "__pycache__", os.sep}):
            with contextlib.suppress(FileExistsError):
                os.symlink(str(found.locate_file(top)), os.path.join(links, top))


def _own_distributions() -> Iterator[Distribution]:
    """smc-core, the plugins, and what they need, each once."""
    from packaging.requirements import Requirement

    names = ["smc-core", *(point.dist.name for point in entry_points(group=GROUP) if point.dist is not None)]
    seen: set[str] = set()
    while names:
        try:
            found = Distribution.from_name(names.pop())
        except PackageNotFoundError:
            continue  # an extra, or of another platform
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
    """Keep other jobs out while an environment is made or changed."""
    with open(path, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.line("another job makes this environment; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
