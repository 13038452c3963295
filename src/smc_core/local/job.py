"""A local job from its request to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping

from smc_core import submitted
from smc_core.contract import (
    BASE_DIR_ENV,
    CODE_DIR_ENV,
    CURRENT_HOST_ENV,
    JOB_NAME_ENV,
    MASTER_PORT_ENV,
    MODE_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    PROGRAM_ENV,
    REPORT_DIR_ENV,
    SUBMIT_DIR_ENV,
    TRAINING_MODULE_ENV,
    JobPaths,
)
from smc_core.errors import EXIT_SIGNAL_BASE, ConfigurationError, SmcError
from smc_core.local import needs, several
from smc_core.local import record as records
from smc_core.local.folder import create_job_folder, describe_hosts, lay_out, remove_job_folder, whole_or_removed
from smc_core.local.record import Record
from smc_core.local.request import Request
from smc_core.local.stopping import LinePattern, StopAfter
from smc_core.local.summary import print_summary
from smc_core.local.target import Code, find_code, short_name
from smc_core.local.watch import Host, Watch
from smc_core.process import log, signals
from smc_core.process.outcome.files import OutcomeFiles
from smc_core.settings import HOST_SECRET, HYPERPARAMETER

ALONE = "algo-1"
"""Name of a host that is the only one."""
JOB_NAME_VARIABLE = "TRAINING_JOB_NAME"
_OF_ANOTHER_JOB = frozenset(
    {
        BASE_DIR_ENV,
        CODE_DIR_ENV,
        CURRENT_HOST_ENV,
        JOB_NAME_ENV,
        JOB_NAME_VARIABLE,
        "TRAINING_JOB_ARN",
        NAMED_PROGRAM_ENV,
        NAMED_SOURCE_ENV,
        PROGRAM_ENV,
        REPORT_DIR_ENV,
        SUBMIT_DIR_ENV,
        TRAINING_MODULE_ENV,
    }
)
"""Variables of this process that would describe another job; every ``SM_*`` is dropped, too."""


def run(
    request: Request,
    *,
    name: str | None = None,
    job_dir: str | None = None,
    stop: StopAfter | None = None,
    earlier: Record | None = None,
) -> int:
    """Run a local job to its end.

    Args:
        request: what was asked for.
        name: the job's name; None generates one.
        job_dir: the job's folder; None for ``.smc/jobs/NAME``.
        stop: when to stop it automatically.
        earlier: the job whose checkpoints and name it resumes with.

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
    record = create(request, name=name, job_dir=job_dir, earlier=earlier)
    record.save()  # now, too: the job is listed while it runs
    if (line := needs.missing_line(request, code, {**os.environ, **request.variables})) is not None:
        log.line(line)
    python = _provide(record, code)
    if python is not None:
        record.exit_code, record.status, record.first_line = _watch(record, code, python, stop)
    record.end()
    record.save()
    print_summary(record)
    return record.exit_code or 0


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
    OutcomeFiles(record.paths).fail(f"{first}\n{further}".rstrip("\n") + "\n")
    return None


def create(
    request: Request, *, name: str | None = None, job_dir: str | None = None, earlier: Record | None = None
) -> Record:
    """Create the folder of a new job and lay it out.

    Raises:
        ConfigurationError: it cannot be created.

    """
    if earlier is not None and not os.path.isdir(kept := os.path.realpath(earlier.paths.checkpoints)):
        raise ConfigurationError(f"--resume {earlier.name}: there is no folder {kept} to resume from; start a new job")
    generated = earlier.job_name if earlier else f"{short_name(request)}-{time.strftime('%Y%m%d-%H%M%S')}"
    was_there = job_dir is not None and os.path.isdir(job_dir)
    name, folder = create_job_folder(generated, name, job_dir)
    with whole_or_removed(name, folder, keep_empty=was_there):
        return _lay_out_all(name, folder, request, earlier)


def _lay_out_all(name: str, folder: str, request: Request, earlier: Record | None) -> Record:
    record = Record(name, folder, request, job_name=earlier.job_name if earlier else name)
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
def planned(request: Request, *, name: str | None = None, job_dir: str | None = None) -> Iterator[None]:
    """While entered, this process has the folder and the variables that the job would have; on exit both are removed.

    Raises:
        SmcError: the job could not begin.

    """
    find_code(request)
    was_there = job_dir is not None and os.path.isdir(job_dir)
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the folder is removed on Ctrl-C too
    record = create(request, name=name, job_dir=job_dir)
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


def host_variables(
    record: Record, code: Code, paths: JobPaths, inherited: Mapping[str, str], python: str = sys.executable
) -> dict[str, str]:
    """The variables that one host of the job is started with.

    Args:
        record: the job.
        code: its code.
        paths: the folders of the host.
        inherited: the variables of this process; they are kept, except for those that describe another job.
        python: the interpreter.

    """
    request = record.request
    kept = {n: text for n, text in inherited.items() if n not in _OF_ANOTHER_JOB and not n.startswith("SM_")}
    ours = {BASE_DIR_ENV: paths.base, JOB_NAME_VARIABLE: record.job_name}
    if request.mode is not None:
        ours[MODE_ENV] = request.mode
    result = _as_laid_out({**kept, **ours, **request.variables, **code.variables(paths)}, request, paths)
    if request.venv:
        from smc_core.local.venvs import venv_variables

        result = venv_variables(python, result)
    return {**result, **needs.requirements_variables(request, code)}


def _as_laid_out(variables: Mapping[str, str], request: Request, paths: JobPaths) -> dict[str, str]:
    """The variables, with those of channels naming their links, and without those that an option has overridden."""
    result = dict(variables)
    for name, variable in HYPERPARAMETER.variables(variables).items():
        if request.hyperparameters.get(name) != variables[variable]:
            del result[variable]
    given = submitted.channels(variables, files=True)
    for name, path in given.values.items():
        if request.channels.get(name) == path:
            result[given.variables[name]] = os.path.join(paths.input_data, name)
        else:
            del result[given.variables[name]]
    return result


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
