"""The folder of a local job: laid out as the platform lays out ``/opt/ml``, with links to the channels."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smc_core.contract import (
    CHANNEL_DEFAULTS,
    HYPERPARAMETERS_FILE,
    INPUT_DATA_CONFIG_FILE,
    RESOURCE_CONFIG_FILE,
    JobPaths,
)
from smc_core.errors import ConfigurationError

JOBS = os.path.join(".smc", "jobs")
"""The folder of local jobs, relative to the working directory."""
_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")
"""The name of a training job (``CreateTrainingJob`` in SageMaker's API reference)."""
OWNERS = 0o700
"""Mode of a job's folder: hyperparameters, the log and the record may contain secrets."""
_GPU_DRIVER = "/proc/driver/nvidia/version"


def create_job_folder(generated: str, name: str | None = None, job_dir: str | None = None) -> tuple[str, str]:
    """Create the folder of a new job, which no other job has or gets.

    Args:
        generated: the name for a job without one; a number is appended if it is taken.
        name: the job's name; None for the generated one.
        job_dir: the folder, new or empty, instead of ``.smc/jobs/NAME``, where a link to it is created if possible.

    Returns:
        Name and absolute path of the folder.

    Raises:
        ConfigurationError: the name is invalid or taken, or the folder is not empty or cannot be created.

    """
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigurationError(f"--name {name}: use at most 63 letters, digits and dashes")
    folder = None if job_dir is None else os.path.abspath(job_dir)
    if folder is not None and os.path.isdir(folder) and os.listdir(folder):
        raise ConfigurationError(f"--job-dir {job_dir}: the folder is not empty; every job needs its own")
    try:
        if folder is not None:
            os.makedirs(folder, OWNERS, exist_ok=True)
            if not _can_list():
                return name or generated, folder
        ignore_jobs()
        return _claim(generated, name, folder)
    except OSError as error:
        raise not_created(error) from error


def _can_list() -> bool:
    """Whether the working directory can have a list of jobs: in a container it is often read-only."""
    with contextlib.suppress(OSError):
        ignore_jobs()
        return os.access(JOBS, os.W_OK)
    return False


def ignore_jobs() -> None:
    """Create the folder of local jobs, which version control ignores.

    Raises:
        OSError: it cannot be created.

    """
    os.makedirs(JOBS, exist_ok=True)
    with contextlib.suppress(FileExistsError), open(os.path.join(".smc", ".gitignore"), "x") as file:
        file.write("*\n")


def _claim(generated: str, name: str | None, folder: str | None) -> tuple[str, str]:
    """Create the folder, or the link to it, under the first free name."""
    base = name or generated
    for count in range(1, 1000):
        candidate = base if count == 1 else f"{base}-{count}"
        place = os.path.abspath(os.path.join(JOBS, candidate))
        try:
            if folder is None:
                os.mkdir(place, OWNERS)
            else:
                os.symlink(folder, place)
        except FileExistsError:
            if name is not None:
                raise ConfigurationError(f"--name {name}: a job of that name already exists: {place}") from None
        else:
            return candidate, folder or place
    raise ConfigurationError(f"no free name for a job like {base}")


def remove_job_folder(name: str, folder: str, *, keep_empty: bool) -> None:
    """Remove the folder of a job that was not run. The targets of its channels stay untouched.

    Args:
        name: the job's name.
        folder: the folder that :func:`create_job_folder` returned.
        keep_empty: keep the folder itself, which existed before, and empty it.

    """
    entry = os.path.join(JOBS, name)
    if os.path.islink(entry):  # the folder is elsewhere; the link goes first, so that it never dangles
        os.unlink(entry)
    folder = os.path.realpath(folder)  # any other link to it belongs to the user
    if not keep_empty:
        shutil.rmtree(folder)
        return
    for child in list(os.scandir(folder)):  # the folder itself may be a mount point or a working directory
        if child.is_dir(follow_symlinks=False):
            shutil.rmtree(child.path)
        else:
            os.unlink(child.path)


@contextlib.contextmanager
def whole_or_removed(name: str, folder: str, *, keep_empty: bool) -> Iterator[None]:
    """While entered, the folder of a job is being laid out; an error removes it.

    Args:
        name: as for :func:`remove_job_folder`.
        folder: likewise.
        keep_empty: likewise.

    Raises:
        ConfigurationError: something cannot be written.

    """
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one to report
            remove_job_folder(name, folder, keep_empty=keep_empty)
        if isinstance(error, OSError):
            raise not_created(error) from error
        raise


def not_created(error: OSError) -> ConfigurationError:
    """The error for a job's folder that cannot be created."""
    return ConfigurationError(
        f"the folder of the job cannot be created: {error.strerror}: {error.filename}; --job-dir names another place"
    )


def lay_out(paths: JobPaths, channels: Mapping[str, str], hyperparameters: Mapping[str, str]) -> None:
    """Create the folders of ``/opt/ml``, link the channels, and write the files that describe them.

    Args:
        paths: the job's folders; the base exists already.
        channels: name → absolute path. A folder is linked; a file is linked into a folder of the channel's name.
        hyperparameters: name → raw text.

    """
    for folder in (paths.input_config, paths.input_data, paths.model, paths.output_data, paths.checkpoints, paths.code):
        os.makedirs(folder, exist_ok=True)
    for name, source in channels.items():
        place = os.path.join(paths.input_data, name)
        if not os.path.isdir(source):
            os.mkdir(place)
            place = os.path.join(place, os.path.basename(source))
        os.symlink(source, place)
    _write(paths, HYPERPARAMETERS_FILE, hyperparameters)
    _write(paths, INPUT_DATA_CONFIG_FILE, dict.fromkeys(channels, CHANNEL_DEFAULTS))


def describe_hosts(paths: JobPaths, hosts: Sequence[str], current: str) -> None:
    """Write ``resourceconfig.json``, with the same fields as the local mode of the SageMaker SDK.

    Args:
        paths: the folders of this host.
        hosts: the names of all hosts.
        current: the name of this host.

    """
    kind = "local_gpu" if os.path.exists(_GPU_DRIVER) else "local"
    content = {
        "current_host": current,
        "hosts": list(hosts),
        "network_interface_name": "lo",
        "current_instance_type": kind,
    }
    _write(paths, RESOURCE_CONFIG_FILE, content)


def _write(paths: JobPaths, name: str, content: Mapping[str, Any]) -> None:
    path = os.path.join(paths.input_config, name)
    with open(path, "w", encoding="utf-8", opener=_private) as file:
        json.dump(dict(content), file, indent=2)
        file.write("\n")


def _private(path: str, flags: int) -> int:
    """Open for the owner only: hyperparameters may contain secrets."""
    return os.open(path, flags, 0o600)
