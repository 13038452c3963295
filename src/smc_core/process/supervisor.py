"""The parent of the job: starts it, passes signals on, reaps, keeps the end of stderr, and writes the outcome.

It is PID 1 of a container, and stays alive whatever the job does: it imports only the standard library, runs no code
of the user's, of a plugin or of a framework, and has loaded all that it will need before the user's code begins.
``docs/explanation/process-model.md`` has its states.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smc_core.contract import HYPERPARAMETERS_FILE, REPORT_DIR_ENV, STOP_GRACE_ENV, JobPaths, job_paths
from smc_core.errors import EXIT_INTERNAL, ConfigurationError, SmcError
from smc_core.process import lifeline, signals
from smc_core.process.child import Child
from smc_core.process.outcome_files import OutcomeFiles
from smc_core.process.pump import Pump
from smc_core.process.report_dir import ReportDir

if TYPE_CHECKING:
    from smc_core.process.outcome import Ending, Stop

DEFAULT_GRACE = 110.0
"""Seconds from the first SIGTERM to SIGKILL; SageMaker kills after 120 (``StopTrainingJob`` in its API reference)."""
_SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - looked at, not written to
_SWEEP_STEP = 0.02
"""Seconds between two looks at processes that are being ended."""


def supervise(command: Sequence[str], *, base_dir: str, environ: Mapping[str, str] | None = None) -> int:
    """Run one job, and tell how it ended.

    Writes ``output/success`` or ``output/failure`` below the base directory. All signals are blocked when it returns:
    the job's exit code is known, and the process should end with it.

    Args:
        command: the job's first process, an argument list.
        base_dir: the base directory of the job.
        environ: the variables of the job, by default those of this process.

    Returns:
        The exit code for :func:`sys.exit`: the script's own, 128 + n where signal n killed it, 2 for a malformed
        ``SMC_STOP_GRACE``, 70 for a fault of smc itself.

    """
    _open_standard_descriptors()
    inbox = signals.Inbox()
    paths = job_paths(base_dir)
    files = OutcomeFiles(paths)
    files.begin()
    variables = dict(os.environ if environ is None else environ)
    try:
        return _Supervisor(paths, variables, files, inbox, stop_grace(variables)).run(command)
    except ConfigurationError as error:
        _fail_without_job(files, f"{type(error).__name__}: {error}", error.exit_code)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must not end without a word
        _fail_without_job(files, _own_fault(error), EXIT_INTERNAL)
        return EXIT_INTERNAL
    finally:
        inbox.close()


def refuse(error: SmcError) -> None:
    """Write the failure file of a job that cannot begin.

    Args:
        error: what is wrong with what the user asked for.

    """
    files = OutcomeFiles(job_paths())
    files.begin()
    files.fail(f"{type(error).__name__}: {error}\n")


def stop_grace(environ: Mapping[str, str]) -> float:
    """Seconds that the job has to end after SIGTERM: ``SMC_STOP_GRACE``, by default 110.

    Raises:
        ConfigurationError: it is not a number of seconds.

    """
    text = environ.get(STOP_GRACE_ENV, "").strip()
    if not text:
        return DEFAULT_GRACE
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if 0 <= seconds < 1e9:
            return seconds
    raise ConfigurationError(f"{STOP_GRACE_ENV}={text!r} is not a number of seconds, such as 110")


class _StopRequest:
    """That the job was asked to end: by the first SIGTERM, or else by the last other signal."""

    def __init__(self, number: int, *, begun: bool) -> None:
        self.number = number
        self.begun = begun
        self.wall = time.time()
        self.since = time.monotonic()
        self.killed = ""


class _Supervisor:
    """One job: starting → running → (stopping →) sweeping → told."""

    def __init__(
        self, paths: JobPaths, environ: dict[str, str], files: OutcomeFiles, inbox: signals.Inbox, grace: float
    ) -> None:
        self._paths = paths
        self._environ = environ
        self._files = files
        self._inbox = inbox
        self._grace = grace
        self._reports = ReportDir(environ, paths.output)
        self._pump = None if os.isatty(2) else Pump()
        self._stop: _StopRequest | None = None
        self._ended: float | None = None
        self._hurry = False
        self._unsaid = b""

    def run(self, command: Sequence[str]) -> int:
        """Start the job, watch it to its end, and tell how it ended; returns the exit code."""
        try:
            self._start(command)
            try:
                self._watch()
            except BaseException:
                self._sweep.kill_job()
                raise
            return self._tell()
        finally:
            self._reports.remove()

    def _start(self, command: Sequence[str]) -> None:
        mark = None
        if self._reports.path is not None:
            self._environ[REPORT_DIR_ENV] = self._reports.path
            mark = os.fsencode(f"{REPORT_DIR_ENV}={self._reports.path}")
        stderr = None if self._pump is None else self._pump.job_end
        self._adopts = os.getpid() == 1 or lifeline.adopt_orphans()  # before there can be an orphan
        try:
            self._child = Child(command, self._environ, stderr, self._reports)
        except OSError as error:
            raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
        if self._pump is not None:
            self._pump.close_job_end()
        self._take_care(mark)

    def _take_care(self, mark: bytes | None) -> None:
        """What can wait until the child is on its way: it is busy starting, and the user's code has not begun."""
        self._guard = None
        if os.getpid() != 1:  # when PID 1 ends, the kernel ends everything in its namespace
            with contextlib.suppress(OSError):
                self._guard = lifeline.Guard(mark, self._child.pid, self._last_words)

        from smc_core.masking import Masker
        from smc_core.process import diagnosis, outcome
        from smc_core.process.sweep import Sweep

        guard = None if self._guard is None else self._guard.pid
        self._sweep = Sweep(self._child.pid, mark, guard, adopts=self._adopts)

        self._mask = Masker.of_job(self._environ, os.path.join(self._paths.input_config, HYPERPARAMETERS_FILE))
        self._memory = diagnosis.memory
        self._memory_before = diagnosis.memory()
        self._full_disks = diagnosis.full_disks
        self._outcome = outcome

    def _watch(self) -> None:
        """Until the first process has ended, and nothing of the job is left."""
        left = True
        while left:
            self._wait()
            self._child.reap()  # first: a signal is for a child that lives, and wakes one that is stopped
            for number in self._inbox.take():
                self._on_signal(number)
            if self._pump is not None:
                self._pump.move()
            self._speak()
            now = time.monotonic()
            if self._child.status is None:
                self._enforce_grace(now)
            else:
                self._ended = self._ended or now
                left = not self._sweep.step(now, at_once=self._hurry)

    def _wait(self) -> None:
        """Sleep until there is something to do."""
        sleeping = select.poll()
        sleeping.register(self._inbox.descriptor, select.POLLIN)
        pump = self._pump
        if pump is not None and pump.waits:
            sleeping.register(pump.sink.descriptor, select.POLLOUT)
        elif pump is not None and pump.source is not None:
            sleeping.register(pump.source, select.POLLIN)
        timeout = self._longest_sleep()
        sleeping.poll(None if timeout is None else max(0, timeout) * 1000)

    def _longest_sleep(self) -> float | None:
        """Seconds; None for no limit."""
        if self._pump is not None and self._pump.holds:
            return 0
        if self._child.status is not None:
            return _SWEEP_STEP
        if self._stop is not None and self._stop.number == signal.SIGTERM and not self._stop.killed:
            return self._stop.since + self._grace - time.monotonic()
        return None

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            return
        if self._child.status is not None:  # too late for the script; what it left need not be waited for
            self._hurry = self._hurry or number == signal.SIGTERM
            return
        is_second = number == signal.SIGTERM and self._is_stopping
        if is_second:
            self._kill("again")
            return
        if not self._is_stopping:
            self._stop = _StopRequest(number, begun=self._child.has_begun)
        self._child.send(number)
        if number == signal.SIGTERM:
            self._unsaid = f"smc: SIGTERM was passed on; the job has {self._grace:g} s to end\n".encode()

    @property
    def _is_stopping(self) -> bool:
        return self._stop is not None and self._stop.number == signal.SIGTERM

    def _enforce_grace(self, now: float) -> None:
        if self._is_stopping and self._stop is not None and now >= self._stop.since + self._grace:
            self._kill("grace")

    def _kill(self, reason: str) -> None:
        if self._stop is not None and not self._stop.killed:
            self._stop.killed = reason
        self._hurry = True
        self._sweep.kill_job()

    def _speak(self) -> None:
        """Say what is to be said, but never in the middle of a line of the job's."""
        if not self._unsaid:
            return
        if self._pump is None:
            os.write(2, self._unsaid)
        elif self._pump.waits or (self._pump.tail and not self._pump.tail.endswith(b"\n")):
            return
        else:
            self._pump.sink.write(memoryview(self._unsaid))
        self._unsaid = b""

    def _tell(self) -> int:
        """Write the outcome, then let go what is still on its way to stderr; returns the exit code."""
        rest = b"" if self._pump is None else self._pump.read_rest()
        ending = self._ending()
        code = self._outcome.exit_code(ending.status)
        if code == 0:
            trouble, text = self._files.succeed(), ""
        else:
            text = self._outcome.failure_text(ending, self._mask)
            trouble = self._files.fail(text)
        if self._guard is not None:
            self._guard.dismiss()
        self._flush(rest + self._last_lines(code, text, trouble))
        return code

    def _ending(self) -> Ending:
        assert self._child.status is not None  # noqa: S101 - the job has been watched to its end
        memory = self._memory()
        return self._outcome.Ending(
            status=self._child.status,
            pid=self._child.pid,
            reports=self._reports.reports(),
            note=self._reports.command(),
            tail=b"" if self._pump is None else bytes(self._pump.tail),
            stop=self._told_stop(),
            oom_kills=(memory.kills or 0) - (self._memory_before.kills or 0),
            memory_limit=memory.limit,
            memory_peak=memory.peak,
            disks=self._full_disks((self._paths.base, self._paths.output, self._paths.model, *_SCRATCH)),
            code_dir=self._paths.code,
        )

    def _told_stop(self) -> Stop | None:
        if self._stop is None or self._ended is None:
            return None
        return self._outcome.Stop(
            number=self._stop.number,
            at=self._stop.wall,
            lasted=self._ended - self._stop.since,
            begun=self._stop.begun,
            killed=self._stop.killed,
            grace=self._grace,
        )

    def _last_lines(self, code: int, text: str, trouble: str | None) -> bytes:
        """What smc itself has to say at the end: nothing of a success."""
        lines = [f"exit code {code}: {self._outcome.first_line(text)}"] if text else []
        if trouble is not None:
            lines = [*text.partition("\n\n")[0].splitlines(), trouble]
        said = self._unsaid + "".join(f"smc: {line}\n" for line in lines).encode("utf-8", "backslashreplace")
        in_a_line = self._pump is not None and self._pump.tail and not self._pump.tail.endswith(b"\n")
        return b"\n" + said if said and in_a_line else said

    def _flush(self, data: bytes) -> None:
        """Write to stderr, however slowly it is read; a stop ends the wait: the outcome is on disk already."""
        if self._pump is None:
            with contextlib.suppress(OSError):
                os.write(2, data)
            return
        left = memoryview(data)
        waiting = select.poll()
        waiting.register(self._pump.sink.descriptor, select.POLLOUT)
        waiting.register(self._inbox.descriptor, select.POLLIN)
        while left:
            left = left[self._pump.sink.write(left) :]
            if left:
                waiting.poll()
            if signal.SIGTERM in self._inbox.take():
                return

    def _last_words(self) -> None:
        """Called in the guard, when this process was killed."""
        self._files.fail("smc itself was killed, and the job with it\n")
        self._reports.remove()


def _open_standard_descriptors() -> None:
    """Open what a careless parent has closed, or the next file to be opened would become stdout or stderr."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _own_fault(error: Exception) -> str:
    import traceback

    told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return f"smc itself failed: {type(error).__name__}: {error}\n\n{told}"


def _fail_without_job(files: OutcomeFiles, text: str, code: int) -> None:
    """Tell a failure that is not the job's."""
    trouble = files.fail(text.rstrip() + "\n")
    first = text.partition("\n")[0]
    for line in (f"exit code {code}: {first}", trouble):
        if line is not None:
            with contextlib.suppress(OSError):
                os.write(2, f"smc: {line}\n".encode("utf-8", "backslashreplace"))
