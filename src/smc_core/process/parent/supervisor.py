"""The parent of the job: starts it, passes signals on, reaps, keeps the end of stderr, and writes the outcome.

It is PID 1 of a container, and stays alive whatever the job does: it imports only the standard library, runs no code
of the user, of a plugin or of a framework, and has loaded everything it needs before the user's code begins. Its
states; the three in the middle are those of the loop (``loop.py``)::

           spawn              the first process exits            nothing is left
 starting ──────▶ running ───────────────────────────▶ cleanup ─────────────────▶ reported
                     │                                    ▲
             SIGTERM │                                    │ it exits; or is killed after
                     ▼                                    │ SMC_STOP_GRACE, or by a second SIGTERM
                  stopping ───────────────────────────────┘

``docs/explanation/process-model.md`` says what a signal does in each.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import time
from collections.abc import Mapping, Sequence

from smc_core.contract import HYPERPARAMETERS_FILE, REPORT_DIR_ENV, JobPaths, job_paths
from smc_core.errors import EXIT_INTERNAL, ConfigurationError
from smc_core.platforms import keeps_elsewhere, reason_file, signals_every_process, stop_grace
from smc_core.process import lifeline, signals
from smc_core.process.outcome.files import OutcomeFiles
from smc_core.process.outcome.reason import ReasonFile
from smc_core.process.parent.child import Child
from smc_core.process.parent.descriptors import open_standard_descriptors
from smc_core.process.parent.loop import Loop
from smc_core.process.parent.own_lines import OwnLines, say
from smc_core.process.parent.pump import open_pump
from smc_core.process.parent.requeue import Requeue
from smc_core.process.parent.watchdog import Watchdog
from smc_core.process.report.folder import ReportDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from smc_core.masking import Masker
    from smc_core.process.outcome.text import Outcome
    from smc_core.process.parent.cleanup import Cleanup
    from smc_core.process.parent.evidence import Evidence


def supervise(
    command: Sequence[str],
    *,
    base_dir: str,
    environ: Mapping[str, str] | None = None,
    hand_over_to: int | None = None,
    held: frozenset[int] = frozenset(),
) -> int:
    """Run one job, and report how it ended.

    Writes ``output/success`` or ``output/failure`` below the base directory. All signals are blocked when it returns:
    the exit code of the job is known, and the process should exit with it.

    Args:
        command: the job's first process, an argument list.
        base_dir: the base directory of the job.
        environ: the variables of the job, by default those of this process.
        hand_over_to: a descriptor on which the outcome is handed over (:mod:`smc_core.process.outcome.handover`);
            whoever reads it prints the closing line of a job that completed. None by default.
        held: signals that are blocked when the first process starts, until it unblocks them; none by default.

    Returns:
        The exit code for :func:`sys.exit`: the script's own, 128 + n where signal n killed it, 2 for a malformed
        ``SMC_STOP_GRACE``, 70 for a bug in smc itself.

    """
    open_standard_descriptors()
    inbox = signals.Inbox()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # tcsetpgrp from a background group would stop this process
    paths = job_paths(base_dir)
    files = OutcomeFiles(paths)
    files.begin()
    variables = dict(os.environ if environ is None else environ)
    reason = ReasonFile(reason_file(variables))
    try:
        supervisor = _Supervisor(paths, variables, files, reason, inbox, closes=hand_over_to is None)
        result = supervisor.run(command, held)
    except ConfigurationError as error:
        result = _fail_without_job(files, reason, *_refusal(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, a job must not end without an outcome
        result = _fail_without_job(files, reason, *_own_fault(error), EXIT_INTERNAL)
    finally:
        inbox.close()
    if hand_over_to is not None:
        from smc_core.process.outcome import handover

        handover.write(hand_over_to, result)
    return result.exit_code


class _Supervisor:
    """One job, from its start to the report of its end.

    Args:
        paths: the job's folders.
        environ: its variables.
        files: where its outcome is written.
        reason: the file in which the platform reads the outcome.
        inbox: the signals of this process.
        closes: whether to print the closing line of a completed job here.

    Raises:
        ConfigurationError: a setting is malformed.

    """

    def __init__(
        self,
        paths: JobPaths,
        environ: dict[str, str],
        files: OutcomeFiles,
        reason: ReasonFile,
        inbox: signals.Inbox,
        *,
        closes: bool,
    ) -> None:
        self._begun = time.monotonic()
        self._paths = paths
        self._environ = environ
        self._files = files
        self._reason = reason
        self._inbox = inbox
        self._grace = stop_grace(environ)
        self._requeue = Requeue(environ, paths)
        self._closes = closes
        self._reports = ReportDir(environ, paths.output)
        self._pump = open_pump()
        self._own_lines = OwnLines(self._pump)
        self._watchdog: Watchdog | None = None

    def run(self, command: Sequence[str], held: frozenset[int]) -> Outcome:
        """Start the job, watch it to its end, and report the outcome.

        Args:
            command: the job's first process.
            held: signals that are blocked when it starts.

        """
        try:
            child, cleanup = self._start(command, held)
            loop = Loop(
                child,
                cleanup,
                self._inbox,
                self._pump,
                self._own_lines,
                self._grace,
                on_stop=self._note_stop,
                is_told=signals_every_process(self._environ),
            )
            try:
                evidence, mask = self._look_before()
                loop.run()
            except BaseException:
                cleanup.kill_job()
                self._dismiss_watchdog()
                raise
            return self._report(child, loop, evidence, mask)
        finally:
            self._reports.remove()

    def _start(self, command: Sequence[str], held: frozenset[int]) -> tuple[Child, Cleanup]:
        mark = None
        if self._reports.path is not None:
            self._environ[REPORT_DIR_ENV] = self._reports.path
            mark = os.fsencode(f"{REPORT_DIR_ENV}={self._reports.path}")
        stderr = None if self._pump is None else self._pump.job_end
        is_init = os.getpid() == 1
        adopts = is_init or lifeline.adopt_orphans()  # before the job starts: no orphan may escape
        if not is_init:  # when PID 1 exits, the kernel kills everything in its namespace
            with contextlib.suppress(OSError):
                self._watchdog = Watchdog(mark, self._last_words)
        try:
            child = Child(command, self._environ, stderr, self._reports.path, self._inbox.ignored, held)
        except OSError as error:
            self._dismiss_watchdog()
            raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
        if self._pump is not None:
            self._pump.close_job_end()
        if self._watchdog is not None:
            self._watchdog.watch(child.pid)
        _load_the_rest()
        from smc_core.process.parent.cleanup import Cleanup

        watchdog = None if self._watchdog is None else self._watchdog.pid
        return child, Cleanup(child.pid, mark, watchdog, adopts=adopts)

    def _look_before(self) -> tuple[Evidence, Masker]:
        """What has to be read before the job can change it: the state of the machine, and the secrets to mask."""
        from smc_core.masking import Masker
        from smc_core.process.parent.evidence import Evidence

        mask = Masker.of_job(self._environ, os.path.join(self._paths.input_config, HYPERPARAMETERS_FILE))
        self._reports.remove_left_over()
        return Evidence(self._paths, self._reports.path), mask

    def _note_stop(self, line: str) -> None:
        """Leave on disk that the job is being stopped: the platform may kill this process before the job has ended."""
        text = f"{line}\n\nIf this is the last word, smc was killed before the script had stopped.\n"
        self._files.note(text)
        self._reason.write(text)

    def _report(self, child: Child, loop: Loop, evidence: Evidence, mask: Masker) -> Outcome:
        """Write the outcome, then flush what is still on its way to stderr.

        In this order: whoever reads stderr may be slow, and the outcome must be on disk first.
        """
        rest = b"" if self._pump is None else self._pump.read_rest()
        result = self._outcome(child, loop, evidence, mask)
        trouble = self._files.fail(result.text) if result.exit_code else self._files.succeed()
        self._reason.write(result.text or f"{result.log or result.status}\n")
        self._dismiss_watchdog()
        lines = [result.log] if result.log else []
        if trouble is not None:  # the log is the only place left
            lines = [*(result.head or result.first_line).splitlines(), trouble]
        self._own_lines.finish(rest, lines, self._inbox)
        return result

    def _outcome(self, child: Child, loop: Loop, evidence: Evidence, mask: Masker) -> Outcome:
        """How the job ended. Whatever its reports say, the exit code is the process's own."""
        from smc_core.process.outcome.ending import COMPLETED, FAILED, exit_code
        from smc_core.process.outcome.headline import duration
        from smc_core.process.outcome.text import NEVER_BEGAN, Outcome, outcome

        assert child.status is not None  # noqa: S101 - the job has been watched to its end
        code = exit_code(child.status)
        if code == 0 and child.prepares and not child.has_begun and self._reports.is_whole():
            return NEVER_BEGAN
        was_stopped = loop.stop is not None and loop.stop.is_final
        if code == 0 and not (was_stopped and self._requeue.is_due()):
            closing = f"completed after {duration(time.monotonic() - self._begun)}" if self._closes else ""
            return Outcome(code, COMPLETED, log="; ".join(filter(None, (closing, self._remark()))))
        ended = loop.ended or time.monotonic()
        try:
            tail = b"" if self._pump is None else self._pump.tail
            stop = None if loop.stop is None else loop.stop.facts(ended)
            return self._requeue.applied(outcome(evidence.ending(child, tail, stop, ended), mask))
        except Exception as error:  # noqa: BLE001 - a bug of ours must not change how the job ended
            first_line = f"Exit code {code}; the cause cannot be reported"
            text = f"{first_line}\n\n{_own_fault(error)[1]}"
            return Outcome(code, FAILED, first_line, text, f"exit code {code}", ended)

    def _remark(self) -> str:
        """A hint for a completed job that left no file. Not on several hosts, where another one leaves the model."""
        from smc_core.process.report.reader import read_command

        note = read_command(self._reports.path)
        alone = note is not None and note.hosts == 1
        if not alone or keeps_elsewhere(self._environ) or not self._files.left_nothing():
            return ""
        return "the job left no file in model/, output/ or checkpoints/"

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.dismiss()

    def _last_words(self) -> None:
        """Runs in the watchdog, when this process was killed."""
        self._files.fail("smc itself was killed, and the job with it\n")
        self._reports.remove()


def _load_the_rest() -> None:
    """Import everything that the end of a job needs, so that the later imports, where it is used, read no file.

    This happens while the child starts, before the user's code can fill a disk or change what is installed.
    """
    import smc_core.masking
    import smc_core.process.outcome.checkpoint
    import smc_core.process.outcome.handover
    import smc_core.process.outcome.text
    import smc_core.process.parent.cleanup
    import smc_core.process.parent.evidence  # noqa: F401

    gc.freeze()
    gc.enable()


def _own_fault(error: Exception) -> tuple[str, str]:
    """The first line of the failure file for a bug in smc, and the whole file."""
    import traceback

    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    first = f"smc itself failed: {type(error).__name__}: {error}"
    return first, f"{first}\n\n{lines}"


def _refusal(error: ConfigurationError) -> tuple[str, str]:
    from smc_core.process.outcome.headline import refusal

    return refusal(error)


def _fail_without_job(files: OutcomeFiles, reason: ReasonFile, first: str, text: str, code: int) -> Outcome:
    """Write the outcome of a job that could not be run."""
    from smc_core.process.outcome.ending import FAILED
    from smc_core.process.outcome.text import Outcome

    trouble = files.fail(text.rstrip() + "\n")
    reason.write(text.rstrip() + "\n")
    say(f"exit code {code}: {first}")
    if trouble is not None:
        say(trouble)
    return Outcome(code, FAILED, first, text, failed_at=time.monotonic())
