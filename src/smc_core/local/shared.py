"""The folder of a platform's job, which all its hosts and all its attempts share.

Several hosts create it at the same time, so every step is one that only one can take, or that all may::

    train-4711/platform.json        whose folder this is: linked into place whole, by the first host
    train-4711/checkpoints/         the same for all hosts and attempts
    train-4711/rank-0/attempt-0/    one run on one host, laid out as /opt/ml; a folder that only its own run writes
    train-4711/rank-0/model         a link into the latest attempt, as for log.txt, output and the others
    train-4711/model/               results of all hosts, when the last has completed

With one host there is no ``rank-0``: the attempts and links are in the job's own folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator

from smc_core.contract import JobPaths
from smc_core.errors import ConfigurationError
from smc_core.local.folder import JOBS, OWNERS, ignore_jobs, lay_out, not_created
from smc_core.local.record import LOG_FILE, RECORD_FILE, RUNNING, Record, load
from smc_core.local.request import Request
from smc_core.local.site import Site
from smc_core.local.withheld import without_secrets
from smc_core.regular_file import read_regular
from smc_core.writable import ensure_writable

OWNER_FILE = "platform.json"
_LINKED = ("input", "model", "output", "code", LOG_FILE, RECORD_FILE)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_LARGEST = 64 * 1024
_MOST_NAMES, _MOST_ATTEMPTS = 1000, 100_000


@dataclasses.dataclass(frozen=True)
class Shared:
    """The folders of one run on one host.

    Attributes:
        name: the job's name.
        top: the job's folder.
        home: this host's folder in it; the same as ``top`` for a single host.
        attempt: the folder of this run.
        number: its number, from 0.
    """

    name: str
    top: str
    home: str
    attempt: str
    number: int


def open_shared(site: Site, request: Request, generated: str, name: str | None, job_dir: str | None) -> Shared:
    """Create the job's folder if no other host has, and a folder for this run in it.

    Args:
        site: the platform's job.
        request: what was asked for. In a generated folder, the same command is a further attempt of the same job.
            Another command gets another folder, and so does the same command while the first still runs here.
        generated: the first part of the job's name, if none is given.
        name: the job's name.
        job_dir: the folder, instead of ``.smc/jobs/NAME``.

    Raises:
        ConfigurationError: the folder cannot be created, or belongs to another job.

    """
    base = name or _name(generated, site.job)
    try:
        if job_dir is not None:
            top = os.path.abspath(job_dir)
            _link_into_jobs(base, top)
            return _opened(site, request, base, top, f"--job-dir {job_dir}")
        ignore_jobs()
        if name is not None:
            return _opened(site, request, base, os.path.abspath(os.path.join(JOBS, base)), f"--name {name}")
        for count in range(1, _MOST_NAMES):
            candidate = base if count == 1 else f"{base}-{count}"
            with contextlib.suppress(_AnotherJobError):
                return _opened(site, request, candidate, os.path.abspath(os.path.join(JOBS, candidate)), "")
    except OSError as error:
        raise not_created(error) from error
    raise ConfigurationError(f"no free name for a job like {base}")


class _AnotherJobError(ConfigurationError):
    """The folder belongs to another job, or to another command of this one."""


def _opened(site: Site, request: Request, name: str, top: str, option: str) -> Shared:
    os.makedirs(top, OWNERS, exist_ok=True)
    owner = _take(top, {"platform": site.platform, "job": site.job})
    if owner != {"platform": site.platform, "job": site.job}:
        whose = f"belongs to the job {owner.get('job')} of {owner.get('platform')}" if owner else "is not empty"
        raise _AnotherJobError(f"{option}: {top} {whose}; every job needs its own folder")
    home = os.path.join(top, site.member) if site.member else top
    before = load(home)
    if before is not None and _command(before.request) != _command(without_secrets(request)[0]):
        raise _AnotherJobError(f"{option}: {top} holds a job with other options; every job needs its own folder")
    if before is not None and before.status == RUNNING and before.is_here:
        raise _AnotherJobError(f"{option}: the job in {top} is still running (process {before.pid})")
    os.makedirs(home, OWNERS, exist_ok=True)
    for number in range(site.attempt, site.attempt + _MOST_ATTEMPTS):
        attempt = os.path.join(home, f"attempt-{number}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(attempt, OWNERS)
            return Shared(name, top, home, attempt, number)
    raise ConfigurationError(f"{home} has {_MOST_ATTEMPTS} attempts")


def _take(top: str, owner: dict[str, str]) -> dict[str, str]:
    """Make a new or empty folder the job's; returns whose it is. Only one of several jobs can succeed."""
    path = os.path.join(top, OWNER_FILE)
    # Listed before the file is read: whatever a host of this job has created, it has created after that file.
    is_empty = all(entry.startswith(f".{OWNER_FILE}.") for entry in os.listdir(top))
    if is_empty:
        temporary = os.path.join(top, f".{OWNER_FILE}.{os.uname().nodename}-{os.getpid()}-{os.urandom(4).hex()}")
        with open(temporary, "x", encoding="utf-8") as file:
            json.dump(owner, file)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.replace(temporary, path)  # a file system without links: two jobs could still take it at once
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    try:
        content = json.loads(read_regular(path, _LARGEST) or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _command(request: Request) -> tuple[object, ...]:
    """What makes two runs the same job: what is run, and with what."""
    return request.target, request.module, dict(request.channels), dict(request.hyperparameters)


def _name(generated: str, job: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{generated}-{job}").strip("-")[:100]


def _link_into_jobs(name: str, top: str) -> None:
    """List the job in ``.smc/jobs``, for ``smc jobs``; it runs without, where the working directory is read-only."""
    with contextlib.suppress(OSError):
        ignore_jobs()
        os.symlink(top, os.path.join(JOBS, name))


def fill(shared: Shared, site: Site, request: Request, earlier: Record | None) -> None:
    """Lay the folder of the run out.

    Args:
        shared: its folders.
        site: the platform's job.
        request: what was asked for.
        earlier: a job of another folder, whose checkpoints this one resumes from.

    Raises:
        ConfigurationError: a folder of the platform's cannot be written.
        OSError: something else cannot.

    """
    checkpoints = os.path.join(shared.top, "checkpoints")
    if "checkpoints" in site.places:
        checkpoints = site.places["checkpoints"][0]
    elif earlier is not None:
        with contextlib.suppress(FileExistsError):
            os.symlink(os.path.realpath(earlier.paths.checkpoints), checkpoints)
    else:
        os.makedirs(checkpoints, exist_ok=True)
    for folder, named_by in site.places.values():
        ensure_writable(folder, named_by)
    paths = JobPaths(shared.attempt)
    _link(checkpoints, paths.checkpoints)
    if shared.home != shared.top:
        _link(checkpoints, os.path.join(shared.home, "checkpoints"))
    if "model" in site.places:
        _link(site.places["model"][0], paths.model)
    lay_out(paths, request.channels, request.hyperparameters)
    if "tensorboard" in site.places:
        _link(site.places["tensorboard"][0], paths.tensorboard)


def publish(shared: Shared, site: Site) -> None:
    """Let the names in the host's folder lead to this run, and those in the job's folder to the first host.

    Raises:
        OSError: they cannot.

    """
    for name in _LINKED:
        _link(os.path.join(shared.attempt, name), os.path.join(shared.home, name))
    if shared.home == shared.top:
        return
    if shared.number:
        _clear_merged(shared)
    if site.rank == 0 and not site.task:
        for name in (LOG_FILE, RECORD_FILE):
            _link(os.path.join(shared.home, name), os.path.join(shared.top, name))


def _clear_merged(shared: Shared) -> None:
    """Remove what was merged of an earlier attempt, whose own results stay in the hosts' folders.

    Only the first host of an attempt does that: a later one could remove the failure that another has just left.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.join(shared.top, f".attempt-{shared.number}"))
        for name in ("model", "output"):
            shutil.rmtree(os.path.join(shared.top, name), ignore_errors=True)


def _link(target: str, place: str) -> None:
    """A link in place of an earlier one, at no moment missing; relative, if both are in the same job's folder."""
    relative = os.path.relpath(target, os.path.dirname(place))
    temporary = f"{place}.{os.getpid()}-{os.urandom(4).hex()}"
    os.symlink(target if relative.startswith("../../..") else relative, temporary)
    try:
        os.replace(temporary, place)
    except OSError:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def whole_or_removed(shared: Shared) -> Iterator[None]:
    """While entered, the folder of the run is being laid out; an error removes it, and nothing of another's.

    Raises:
        ConfigurationError: something cannot be written.

    """
    try:
        yield
    except BaseException as error:
        shutil.rmtree(shared.attempt, ignore_errors=True)
        if isinstance(error, OSError):
            raise not_created(error) from error
        raise
