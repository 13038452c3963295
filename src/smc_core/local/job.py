"""A local job from its request to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from smc_core.contract import (
    MASTER_PORT_ENV,
    JobPaths,
)
from smc_core.errors import EXIT_SIGNAL_BASE, ConfigurationError, SmcError
from smc_core.local import needs, several
from smc_core.local import record as records
from smc_core.local.folder import create_job_folder, describe_hosts, lay_out, remove_job_folder, whole_or_removed
from smc_core.local.job_variables import host_variables
from smc_core.local.record import Record
from smc_core.local.request import Request
from smc_core.local.shared import Shared, fill, open_shared, publish
from smc_core.local.shared import whole_or_removed as run_whole_or_removed
from smc_core.local.site import Site
from smc_core.local.stopping import LinePattern, StopAfter
from smc_core.local.summary import print_summary
from smc_core.local.target import Code, find_code, short_name
from smc_core.local.watch import Host, Watch
from smc_core.platforms import reason_file
from smc_core.process import log, signals
from smc_core.process.outcome.files import OutcomeFiles
from smc_core.process.outcome.reason import ReasonFile
from smc_core.settings import HOST_SECRET

ALONE = "algo-1"
"""Name of a host that is the only one."""


def run(
    request: Request,
    *,
    name: str | None = None,
    job_dir: str | None = None,
    stop: StopAfter | None = None,
    earlier: Record | None = None,
    site: Site | None = None,
) -> int:
    """Run a local job to its end.

    Args:
        request: what was asked for.
        name: the job's name; None generates one.
        job_dir: the job's folder; None for ``.smc/jobs/NAME``.
        stop: when to stop it automatically.
        earlier: the job whose checkpoints and name it resumes with.
        site: the platform's job that it is a part of; None for a job of this machine alone.

    Returns:
        The exit code of the job.

    Raises:
        SmcError: it cannot begin, and has left no folder. A failed installation does not raise: the job has failed,
            and its record says so.

    """
    # Whatever can be refused is refused before there is a folder.
    code = find_code(request)
    needs.check(request, code)
    signals.hold()  # from here on, a request to stop waits until there is something to stop
    shared = None
    if site is None:
        record = create(request, name=name, job_dir=job_dir, earlier=earlier)
    else:
        record, shared = _create_shared(site, request, name=name, job_dir=job_dir, earlier=earlier)
    record.save()  # now, too: the job is listed while it runs
    if (line := needs.missing_line(request, code, {**os.environ, **request.variables})) is not None:
        log.line(line)
    python = _provide(record, code)
    if python is not None:
        record.exit_code, record.status, record.first_line = _watch(record, code, python, stop)
    record.end()
    record.save()
    if shared is not None and shared.home != shared.top:
        from smc_core.local.together import bring_together

        bring_together(shared, record)
    print_summary(record, shared.top if shared is not None else None)
    return record.exit_code or 0


def _create_shared(
    site: Site, request: Request, *, name: str | None, job_dir: str | None, earlier: Record | None
) -> tuple[Record, Shared]:
    """Create the folder of this host's run in that of the platform's job."""
    _check_earlier(earlier)
    shared = open_shared(site, request, short_name(request), name, job_dir)
    with run_whole_or_removed(shared):
        fill(shared, site, request, earlier)
        record = Record(shared.name, shared.attempt, request, job_name=shared.name, site=site.to_json())
        publish(shared, site)
    return record, shared


def _check_earlier(earlier: Record | None) -> None:
    """Refuse to resume from checkpoints that are gone."""
    if earlier is not None and not os.path.isdir(kept := os.path.realpath(earlier.paths.checkpoints)):
        raise ConfigurationError(f"--resume {earlier.name}: there is no folder {kept} to resume from; start a new job")


def _provide(record: Record, code: Code) -> str | None:
    """The interpreter of the job; None if that cannot be provided: the record then says how the job ended."""
    try:
        with _log(record.log_path) as job_log:
            return needs.provide_interpreter(record.request, code, job_log)
    except SmcError as error:
        first = f"{type(error).__name__}: {error.sentence}"
        further = "\n".join(filter(None, (error.explanation, error.details)))
        record.exit_code, record.status = log.failure(error), records.FAILED
    except needs.Interrupted as interrupted:
        first, further = f"Stopped by {signals.name(interrupted.number)} while packages were installed", ""
        record.exit_code, record.status = EXIT_SIGNAL_BASE + interrupted.number, records.STOPPED
    record.first_line = first
    text = f"{first}\n{further}".rstrip("\n") + "\n"
    OutcomeFiles(record.paths).fail(text)
    ReasonFile(reason_file(os.environ)).write(text)
    return None


def create(
    request: Request,
    *,
    name: str | None = None,
    job_dir: str | None = None,
    earlier: Record | None = None,
    site: Site | None = None,
) -> Record:
    """Create the folder of a new job and lay it out.

    Raises:
        ConfigurationError: it cannot be created.

    """
    _check_earlier(earlier)
    generated = earlier.job_name if earlier else f"{short_name(request)}-{time.strftime('%Y%m%d-%H%M%S')}"
    was_there = job_dir is not None and os.path.isdir(job_dir)
    name, folder = create_job_folder(generated, name, job_dir)
    with whole_or_removed(name, folder, keep_empty=was_there):
        return _lay_out_all(name, folder, request, earlier, site)


def _lay_out_all(name: str, folder: str, request: Request, earlier: Record | None, site: Site | None) -> Record:
    record = Record(name, folder, request, job_name=earlier.job_name if earlier else name)
    if site is not None:  # a plan: the platform itself says which hosts there are
        record.site = site.to_json()
        lay_out(record.paths, request.channels, request.hyperparameters)
        return record
    if earlier is not None:  # resolved: a link to the link of a job in between would break with that job's folder
        os.symlink(os.path.realpath(earlier.paths.checkpoints), record.paths.checkpoints)
    if request.hosts:
        record.hosts = several.name_hosts(request.hosts, folder)
        several.lay_out_together(record.paths)
    for host in record.hosts or [""]:
        paths = record.host_paths(host)
        if host:
            os.mkdir(paths.base)
            os.symlink(os.path.join(os.pardir, os.path.basename(record.paths.checkpoints)), paths.checkpoints)
        lay_out(paths, request.channels, request.hyperparameters)
        describe_hosts(paths, record.hosts or [ALONE], host or ALONE)
    return record


@contextlib.contextmanager
def planned(
    request: Request, *, name: str | None = None, job_dir: str | None = None, site: Site | None = None
) -> Iterator[None]:
    """While entered, this process has the folder and the variables that the job would have; on exit both are removed.

    Raises:
        SmcError: the job could not begin.

    """
    find_code(request)
    job_dir = None if site is not None else job_dir  # that of a platform's job is there before, and stays
    was_there = job_dir is not None and os.path.isdir(job_dir)
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the folder is removed on Ctrl-C too
    record = create(request, name=None if site is not None else name, job_dir=job_dir, site=site)
    try:
        with entered(record):
            yield
    finally:
        remove_job_folder(record.name, record.folder, keep_empty=was_there)


@contextlib.contextmanager
def entered(record: Record) -> Iterator[None]:
    """While entered, this process has the variables of a job; if it has several hosts, those of the first.

    Raises:
        CodeError: the job's code no longer exists.

    """
    before = dict(os.environ)
    paths = record.host_paths(record.hosts[0] if record.hosts else "")
    variables = host_variables(record, find_code(record.request), paths, before)
    try:
        os.environ.clear()
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _watch(record: Record, code: Code, python: str, stop: StopAfter | None) -> tuple[int, str, str]:
    """Start the hosts, and watch them to their end; returns exit code, status, and the first line of a failure."""
    module = ["-m", code.program] if record.request.module is not None else []
    with contextlib.ExitStack() as logs:
        job_log = logs.enter_context(_log(record.log_path))
        own_logs = {
            name: logs.enter_context(_log(os.path.join(record.folder, name, records.LOG_FILE))) for name in record.hosts
        }
        hosts = []
        port, secret = (str(several.free_port(len(record.hosts))), os.urandom(32).hex()) if record.hosts else ("", "")
        for name in record.hosts or [""]:
            variables = host_variables(record, code, record.host_paths(name), os.environ, python)
            if record.hosts:  # what the user has set takes precedence
                variables.setdefault(MASTER_PORT_ENV, port)
                variables.setdefault(HOST_SECRET.name, secret)
            hosts.append(Host(name, [*several.host_arguments(record, name), *module], variables, python))
        watch = Watch(hosts, job_log, own_logs, stop)
        exit_code = watch.run()
    if isinstance(stop, LinePattern) and not watch.was_stopped:
        log.line(f"--stop-after: no line of the output matched {stop.text}")
    for host in hosts:
        if host.code and host.outcome is None:
            _note_death(record.host_paths(host.name), host.code)
    failed = watch.failed
    if record.hosts:
        several.bring_together(record, failed.name if failed else None)
    first_line = failed.outcome.first_line if failed is not None and failed.outcome is not None else ""
    # Ctrl-C on a terminal reaches only the job, not this process: its supervisor reports it.
    if watch.was_stopped or (failed is not None and failed.is_stopped):
        return exit_code, records.STOPPED, first_line
    return exit_code, records.FAILED if exit_code else records.COMPLETED, first_line


def _note_death(paths: JobPaths, code: int) -> None:
    """Write a failure file for a supervisor that was killed, unless its watchdog has written one."""
    how = f"by {signals.name(code - EXIT_SIGNAL_BASE)}" if code > EXIT_SIGNAL_BASE else f"with exit code {code}"
    OutcomeFiles(paths).fail(f"smc itself was killed {how}, and the job with it\n")


@contextlib.contextmanager
def _log(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
