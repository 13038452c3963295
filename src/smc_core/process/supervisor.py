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

from smc_core.contract import HYPERPARAMETERS_FILE, REPORT_DIR_ENV, JobPaths, job_paths
from smc_core.errors import EXIT_INTERNAL, ConfigurationError
from smc_core.process import lifeline, signals
from smc_core.process.child import Child
from smc_core.process.descriptors import open_standard_descriptors
from smc_core.process.guard import Guard
from smc_core.process.outcome_files import OutcomeFiles
from smc_core.process.pump import Pump
from smc_core.process.report_dir import ReportDir
from smc_core.process.stopping import StopRequest, stop_grace
from smc_core.process.voice import Voice, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from smc_core.process.ending import Ending
    from smc_core.process.sweep import Sweep

_SWEEP_STEP = 0.02
"""Seconds between two looks at processes that are being ended."""
_SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - looked at, not written to


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
    open_standard_descriptors()
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


class _Supervisor:
    """One job: starting → running (→ stopping) → sweeping → told."""

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
        self._voice = Voice(self._pump)
        self._guard: Guard | None = None
        self._stop: StopRequest | None = None
        self._asked_at: dict[int, float] = {}
        self._ended: float | None = None
        self._hurry = False

    def run(self, command: Sequence[str]) -> int:
        """Start the job, watch it to its end, and tell how it ended; returns the exit code."""
        try:
            sweep = self._start(command)
            try:
                self._watch(sweep)
            except BaseException:
                sweep.kill_job()
                self._dismiss_guard()
                raise
            return self._tell()
        finally:
            self._reports.remove()

    def _start(self, command: Sequence[str]) -> Sweep:
        mark = None
        if self._reports.path is not None:
            self._environ[REPORT_DIR_ENV] = self._reports.path
            mark = os.fsencode(f"{REPORT_DIR_ENV}={self._reports.path}")
        stderr = None if self._pump is None else self._pump.job_end
        is_init = os.getpid() == 1
        adopts = is_init or lifeline.adopt_orphans()  # before there can be an orphan
        if not is_init:  # when PID 1 ends, the kernel ends everything in its namespace
            with contextlib.suppress(OSError):
                self._guard = Guard(mark, self._last_words)
        try:
            self._child = Child(command, self._environ, stderr, self._reports.path, self._inbox.ignored)
        except OSError as error:
            self._dismiss_guard()
            raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
        if self._pump is not None:
            self._pump.close_job_end()
        if self._guard is not None:
            self._guard.watch(self._child.pid)
        return self._load_the_rest(mark, adopts=adopts)

    def _load_the_rest(self, mark: bytes | None, *, adopts: bool) -> Sweep:
        """Load what will be needed: while the child is busy starting, and before the user's code can break a disk."""
        from smc_core.masking import Masker
        from smc_core.process import diagnosis, ending, outcome, report_reader
        from smc_core.process.sweep import Sweep

        self._mask = Masker.of_job(self._environ, os.path.join(self._paths.input_config, HYPERPARAMETERS_FILE))
        self._diagnosis, self._facts, self._outcome, self._reader = diagnosis, ending, outcome, report_reader
        self._memory_before = diagnosis.memory()
        guard = None if self._guard is None else self._guard.pid
        return Sweep(self._child.pid, mark, guard, adopts=adopts)

    def _watch(self, sweep: Sweep) -> None:
        """Until the first process has ended, and nothing of the job is left."""
        left = True
        while left:
            self._wait_for_signal()
            arrived = list(self._inbox.take())  # a child that ends after this line is heard of in the next turn
            self._child.reap()  # a signal is for a child that lives, and wakes one that is stopped
            for number in arrived:
                self._on_signal(number, sweep)
            now = time.monotonic()
            if self._child.status is not None:
                self._ended = self._ended or now
                left = not sweep.step(now, at_once=self._hurry)
            elif self._stop is not None and self._stop.is_overdue():
                self._kill("grace", sweep)

    def _wait_for_signal(self) -> None:
        """Until a signal has arrived or a time is up; what the job says on stderr is passed on meanwhile."""
        seconds = self._longest_sleep()
        if self._pump is not None:
            self._pump.run(self._inbox.descriptor, seconds, self._voice.speak)
        else:
            sleeping = select.poll()
            sleeping.register(self._inbox.descriptor, select.POLLIN)
            sleeping.poll(None if seconds is None else max(0, seconds) * 1000)

    def _longest_sleep(self) -> float | None:
        """Seconds; None for no limit."""
        if self._child.status is not None:
            return _SWEEP_STEP
        return None if self._stop is None else self._stop.time_left()

    def _on_signal(self, number: int, sweep: Sweep) -> None:
        if number == signal.SIGCHLD:
            return
        is_final = number == signal.SIGTERM
        if self._is_repeated(number):
            return
        if self._child.status is not None:  # too late for the script; what it left need not be waited for
            self._hurry = self._hurry or is_final
            return
        was_final = self._stop is not None and self._stop.is_final
        if is_final and was_final:
            self._kill("again", sweep)
            return
        if not was_final:
            self._stop = StopRequest(number, self._grace, begun=self._child.has_begun)
        self._child.send(number)
        if is_final:
            self._voice.say(f"SIGTERM was passed on; the job has {self._grace:g} s to end")

    def _is_repeated(self, number: int) -> bool:
        """Whether a request to end came a moment ago, and this is the same one.

        Whoever signals a process group as well as a process of it, as timeout(1) does, or a group with a program in
        it that passes signals on, sends one request twice.
        """
        if number not in (signal.SIGTERM, signal.SIGINT):
            return False
        now = time.monotonic()
        if number in self._asked_at and now - self._asked_at[number] < signals.SAME_REQUEST:
            return True
        self._asked_at[number] = now
        return False

    def _kill(self, reason: Literal["grace", "again"], sweep: Sweep) -> None:
        if self._stop is not None:
            self._stop.note_kill(reason)
        self._hurry = True
        sweep.kill_job()

    def _tell(self) -> int:
        """Write the outcome, then let go what is still on its way to stderr; returns the exit code."""
        rest = b"" if self._pump is None else self._pump.read_rest()
        ending = self._ending()
        code = self._facts.exit_code(ending.status)
        text = "" if code == 0 else self._outcome.failure_text(ending, self._mask)
        trouble = self._files.fail(text) if text else self._files.succeed()
        self._dismiss_guard()
        lines = [self._outcome.log_line(ending, text)] if text else self._remark(ending)
        if trouble is not None:  # nobody else will tell
            lines = [*text.partition("\n\n")[0].splitlines(), trouble]
        self._voice.finish(rest, lines, self._inbox)
        return code

    def _remark(self, ending: Ending) -> list[str]:
        """What a job that ended well may not have meant: on several hosts, another one leaves the model."""
        alone = ending.note is not None and ending.note.hosts == 1
        return (
            ["the job left no file in model/, output/ or checkpoints/"] if alone and self._files.left_nothing() else []
        )

    def _ending(self) -> Ending:
        assert self._child.status is not None  # noqa: S101 - the job has been watched to its end
        memory, before = self._diagnosis.memory(), self._memory_before
        stop = None if self._stop is None or self._ended is None else self._stop.told(self._ended)
        return self._facts.Ending(
            status=self._child.status,
            pid=self._child.pid,
            reports=self._reader.read_reports(self._reports.path),
            note=self._reader.read_command(self._reports.path),
            tail=b"" if self._pump is None else self._pump.tail,
            stop=stop,
            oom_kills=(memory.kills or 0) - (before.kills or 0),
            memory_limit=memory.limit,
            memory_peak=memory.peak,
            disks=self._diagnosis.full_disks((self._paths.base, self._paths.output, self._paths.model, *_SCRATCH)),
            code_dir=self._paths.code,
            waiting=self._reader.read_waiting(self._reports.path),
        )

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.dismiss()

    def _last_words(self) -> None:
        """Called in the guard, when this process was killed."""
        self._files.fail("smc itself was killed, and the job with it\n")
        self._reports.remove()


def _own_fault(error: Exception) -> str:
    import traceback

    told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return f"smc itself failed: {type(error).__name__}: {error}\n\n{told}"


def _fail_without_job(files: OutcomeFiles, text: str, code: int) -> None:
    """Tell a failure that is not the job's."""
    trouble = files.fail(text.rstrip() + "\n")
    first = text.partition("\n")[0]
    say(f"exit code {code}: {first}")
    if trouble is not None:
        say(trouble)
