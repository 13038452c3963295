"""Several hosts of one local job: their names, their folders, and how their results are merged."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys

from smc_core.contract import JobPaths, write_atomic
from smc_core.errors import ConfigurationError
from smc_core.local.host import IDENTITY_OPTION, PROBE_OPTION
from smc_core.local.identity import address, hosts_file
from smc_core.local.merging import merge_all
from smc_core.local.record import Record
from smc_core.local.watch import HOST_PROGRAM
from smc_core.ports import Ports
from smc_core.process import log


def name_hosts(count: int, folder: str) -> list[str]:
    """Names of the hosts, all of which the job can resolve, in the platform's order: sorted as text.

    They are ``algo-1`` to ``algo-N`` if this machine lets a process have its own ``/etc/hosts``; otherwise they are the
    addresses themselves, and a log line says so.

    Args:
        count: how many hosts.
        folder: the job's folder, where the hosts file is stored.

    """
    names = [f"algo-{number}" for number in range(1, count + 1)]
    path = hosts_path(folder)
    write_atomic(path, hosts_file(names).encode("utf-8", "surrogateescape"))
    probe = [sys.executable, HOST_PROGRAM, str(os.getpid()), IDENTITY_OPTION, path, names[0], PROBE_OPTION]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)  # noqa: S603
    if tried.returncode == 0:
        return sorted(names)
    os.unlink(path)
    why = tried.stdout.strip() or f"exit code {tried.returncode}"
    log.line(f"cannot set up host names on this machine ({why}); using addresses instead")
    return sorted(address(number) for number in range(1, count + 1))


def hosts_path(folder: str) -> str:
    """The file that replaces ``/etc/hosts`` for the hosts of a job."""
    return os.path.join(folder, "hosts")


def free_port(hosts: int) -> int:
    """A port for the master such that the next ones are free, too: hosts on one machine share its ports.

    All are taken together to test them, and released again: another program could still take one before the job does.

    Args:
        hosts: how many hosts; a launcher may need one port for itself, and two for each host.

    """
    while True:
        with contextlib.suppress(OSError, ConfigurationError), contextlib.ExitStack() as taken:
            first = taken.enter_context(socket.create_server((address(1), 0)))
            port: int = first.getsockname()[1]
            ports = Ports.of(port)
            for other in (ports.watch, *ports.own(1 + 2 * hosts)):
                taken.enter_context(socket.create_server((address(1), other)))
            return port


def host_arguments(record: Record, name: str) -> list[str]:
    """The arguments of :mod:`smc_core.local.host` that give a host its name; none for a single host."""
    path = hosts_path(record.folder)
    return [IDENTITY_OPTION, path, name] if name and os.path.exists(path) else []


def bring_together(record: Record, failed: str | None) -> None:
    """Merge the results of the hosts, as the platform does, and write the outcome of the job.

    The files in ``model/`` and ``output/data/`` of all hosts are merged into the job's folder. If two hosts have
    written the same name, the first host's file is kept, with a line in the log. An error is only logged, too: the job
    has ended, and its record has yet to be saved.

    Args:
        record: the job.
        failed: the host that failed first, or None.

    """
    if failed is not None:
        with contextlib.suppress(OSError):
            shutil.copyfile(record.host_paths(failed).failure, record.paths.failure)
    try:
        merge_all(record.folder, record.hosts)
        if failed is None:
            write_atomic(record.paths.success, b"")
    except OSError as error:
        log.line(f"the results of the hosts cannot all be merged: {error}; each host's are in {record.folder}/HOST")


def lay_out_together(paths: JobPaths) -> None:
    """Create the folders that the hosts of one job share."""
    for folder in (paths.model, paths.output_data, paths.checkpoints):
        os.makedirs(folder, exist_ok=True)
