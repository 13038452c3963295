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
from smc_core.process.outcome.files import OutcomeFiles
from smc_core.process.parent.child import Child
from smc_core.process.parent.descriptors import open_standard_descriptors
from smc_core.process.parent.pump import open_pump
from smc_core.process.parent.stopping import StopRequest, stop_grace
from smc_core.process.parent.voice import Voice, say
from smc_core.process.parent.watchdog import Guard
from smc_core.process.report.folder import ReportDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from smc_core.process.outcome.text import Outcome
    from smc_core.process.parent.cleanup import Sweep

_SWEEP_STEP = 0.02
"""Seconds between two looks at processes that are being ended."""


def supervise(
    command: Sequence[str],
    *,
    base_dir: str,
    environ: Mapping[str, str] | None = None,
    tell: int | None = None,
    held: frozenset[int] = frozenset(),
) -> int:
    """Run one job, and tell how it ended.

    Writes ``output/success`` or ``output/failure`` below the base directory. All signals are blocked when it returns:
    the job's exit code is known, and the process should end with it.

    Args:
        command: the job's first process, an argument list.
        base_dir: the base directory of the job.
        environ: the variables of the job, by default those of this process.
        tell: a descriptor that the outcome is handed over on (:mod:`smc_core.process.outcome.handover`); whoever reads
            it says the closing line of a job that completed. None by default.
        held: signals that the first process is started with blocked, and takes when it can; none by default.

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
        result = _Supervisor(paths, variables, files, inbox, stop_grace(variables), tell, held).run(command)
    except ConfigurationError as error:
        result = _fail_without_job(files, *_refusal(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must not end without a word
        result = _fail_without_job(files, *_own_fault(error), EXIT_INTERNAL)
    finally:
        inbox.close()
    if tell is not None:
        from smc_core.process.outcome import handover

        handover.write(tell, result)
    return result.exit_code


class _Supervisor:
    """One job: starting → running (→ stopping) → sweeping → told."""

    def __init__(
        self,
        paths: JobPaths,
        environ: dict[str, str],
        files: OutcomeFiles,
        inbox: signals.Inbox,
        grace: float,
        tell: int | None,
        held: frozenset[int],
    ) -> None:
        self._begun = time.monotonic()
        self._closes = tell is None
        self._held = held
        self._paths = paths
        self._environ = environ
        self._files = files
        self._inbox = inbox
        self._grace = grace
        self._reports = ReportDir(environ, paths.output)
        self._pump = open_pump()
        self._voice = Voice(self._pump)
        self._guard: Guard | None = None
        self._stop: StopRequest | None = None
        self._repeats = signals.Repeats()
        self._ended: float | None = None
        self._hurry = False

    def run(self, command: Sequence[str]) -> Outcome:
        """Start the job, watch it to its end, and tell how it ended."""
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
            self._child = Child(command, self._environ, stderr, self._reports.path, self._inbox.ignored, self._held)
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
        from smc_core.process.outcome import handover  # noqa: F401 - for the end
        from smc_core.process.parent.cleanup import Sweep
        from smc_core.process.parent.evidence import Evidence

        self._mask = Masker.of_job(self._environ, os.path.join(self._paths.input_config, HYPERPARAMETERS_FILE))
        self._reports.remove_left_over()
        self._evidence = Evidence(self._paths, self._reports.path)
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
            self._pump.run(self._inbox.descriptor, seconds, self._moved)
        else:
            sleeping = select.poll()
            sleeping.register(self._inbox.descriptor, select.POLLIN)
            sleeping.poll(None if seconds is None else max(0, seconds) * 1000)

    def _moved(self) -> None:
        """Something of the job's stderr was passed on, or the size of a terminal has changed."""
        self._voice.speak()
        if self._pump is not None and self._pump.has_new_size() and self._child.status is None:
            self._child.send(signal.SIGWINCH)  # the kernel's own came when the job's terminal had its old size

    def _longest_sleep(self) -> float | None:
        """Seconds; None for no limit."""
        if self._child.status is not None:
            return _SWEEP_STEP
        return None if self._stop is None else self._stop.time_left()

    def _on_signal(self, number: int, sweep: Sweep) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            self._moved()
        is_final = number == signal.SIGTERM
        if self._repeats.is_one(number):
            return
        if self._child.status is not None:  # too late for the script; what it left need not be waited for
            self._hurry = self._hurry or is_final
            return
        was_final = self._stop is not None and self._stop.is_final
        if is_final and was_final:
            self._kill("again", sweep)
            return
        if not was_final and number not in signals.HARMLESS:
            self._stop = StopRequest(number, self._grace, begun=self._child.has_begun)
        self._child.send(number)
        if is_final:
            self._voice.say(f"SIGTERM was passed on; the job has {self._grace:g} s to end")

    def _kill(self, reason: Literal["grace", "again"], sweep: Sweep) -> None:
        if self._stop is not None:
            self._stop.note_kill(reason)
        self._hurry = True
        sweep.kill_job()

    def _tell(self) -> Outcome:
        """Write the outcome, then let go what is still on its way to stderr."""
        rest = b"" if self._pump is None else self._pump.read_rest()
        result = self._outcome()
        trouble = self._files.fail(result.text) if result.exit_code else self._files.succeed()
        self._dismiss_guard()
        lines = [result.log] if result.log else []
        if trouble is not None:  # nobody else will tell
            lines = [*(result.head or result.first_line).splitlines(), trouble]
        self._voice.finish(rest, lines, self._inbox)
        return result

    def _outcome(self) -> Outcome:
        """How the job ended. Whatever it has left behind, the exit code is its own."""
        from smc_core.process.outcome.ending import COMPLETED, FAILED, exit_code
        from smc_core.process.outcome.headline import duration
        from smc_core.process.outcome.text import NEVER_BEGAN, Outcome, outcome

        assert self._child.status is not None  # noqa: S101 - the job has been watched to its end
        code = exit_code(self._child.status)
        if code == 0 and self._child.prepares and not self._child.has_begun and self._reports.is_whole():
            return NEVER_BEGAN
        if code == 0:
            closing = f"completed after {duration(time.monotonic() - self._begun)}" if self._closes else ""
            return Outcome(code, COMPLETED, log="; ".join(filter(None, (closing, self._remark()))))
        try:
            tail = b"" if self._pump is None else self._pump.tail
            ended = self._ended or time.monotonic()
            stop = None if self._stop is None else self._stop.told(ended)
            return outcome(self._evidence.ending(self._child, tail, stop, ended), self._mask)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not change how the job ended
            first_line = f"Exit code {code}; how it came to that cannot be told"
            text = f"{first_line}\n\n{_own_fault(error)[1]}"
            return Outcome(code, FAILED, first_line, text, f"exit code {code}", self._ended or 0.0)

    def _remark(self) -> str:
        """What a job that ended well may not have meant: on several hosts, another one leaves the model."""
        from smc_core.process.report.reader import read_command

        note = read_command(self._reports.path)
        alone = note is not None and note.hosts == 1
        return "the job left no file in model/, output/ or checkpoints/" if alone and self._files.left_nothing() else ""

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.dismiss()

    def _last_words(self) -> None:
        """Called in the guard, when this process was killed."""
        self._files.fail("smc itself was killed, and the job with it\n")
        self._reports.remove()


def _own_fault(error: Exception) -> tuple[str, str]:
    """The first line of a failure file, and the whole."""
    import traceback

    told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    first = f"smc itself failed: {type(error).__name__}: {error}"
    return first, f"{first}\n\n{told}"


def _refusal(error: ConfigurationError) -> tuple[str, str]:
    from smc_core.process.outcome.headline import refusal

    return refusal(error)


def _fail_without_job(files: OutcomeFiles, first: str, text: str, code: int) -> Outcome:
    """Tell a failure that is not the job's."""
    from smc_core.process.outcome.ending import FAILED
    from smc_core.process.outcome.text import Outcome

    trouble = files.fail(text.rstrip() + "\n")
    say(f"exit code {code}: {first}")
    if trouble is not None:
        say(trouble)
    return Outcome(code, FAILED, first, text, failed_at=time.monotonic())
