"""The job's first process: how it starts, gets signals and exits."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from smc_core.process import lifeline, signals
from smc_core.process.parent.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from smc_core.process.report.reader import CommandNote

_STDERR = 2
_PREPARE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "prepare.py")


class Child:
    """The first process of the job, and leader of its process group.

    Its signal mask is empty except for ``held``, and it ignores only the signals that smc was started with ignored:
    otherwise it would inherit Python's ignored SIGPIPE.

    Args:
        command: an argument list.
        environ: its variables.
        stderr: the descriptor that becomes its stderr; None for this process's own.
        reports: the folder of reports; None where there is none.
        ignored: the signals that it ignores.
        held: the signals that it starts with blocked; none by default.

    Attributes:
        pid: its process id, and that of its group.
        prepares: whether it prepares the job, and reports when the user's code begins.
        status: its exit code, or minus the signal that killed it; None while it lives.
        cpu_seconds: processor time used by it and the processes that it waited for; set when it has exited.
        peak_rss: the largest resident set among these processes, in bytes.

    Raises:
        OSError: it cannot be started.

    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        stderr: int | None,
        reports: str | None,
        ignored: frozenset[int] = frozenset(),
        held: frozenset[int] = frozenset(),
    ) -> None:
        self.prepares = _PREPARE in command
        self._reports = reports
        self._note: CommandNote | None = None
        self._terminal = _terminal()
        self._is_stopped = False
        self.status: int | None = None
        self.cpu_seconds = 0.0
        self.peak_rss = 0
        self.pid = _start(command, environ, stderr, ignored, held)
        if self._terminal is not None:
            self._terminal.lend(self.pid)

    @property
    def has_terminal(self) -> bool:
        """Whether there is a terminal that it may use."""
        return self._terminal is not None

    @property
    def has_begun(self) -> bool:
        """Whether it has become the user's code, or is about to."""
        from smc_core.process.report.reader import read_command

        self._note = self._note or read_command(self._reports)
        return self._note is not None

    def send(self, number: int) -> None:
        """Pass a signal on: to the process alone where its command asks for that, else to its process group.

        A signal to the group would kill the data-loading processes of a Python script in the middle of its last
        checkpoint. A shell, however, passes no signals on, and neither does an installer during the preparation.
        """
        alone = self.has_begun and self._note is not None and self._note.signals == "process"
        # A stopped process handles a signal only once it continues.
        for each in (number, signal.SIGCONT) if self._is_stopped else (number,):
            with contextlib.suppress(ProcessLookupError):
                (os.kill if alone else os.killpg)(self.pid, each)

    def reap(self) -> None:
        """Reap every child of this process that has exited, adopted orphans included."""
        while True:
            try:
                # wait4 gives the resources of one child; RUSAGE_CHILDREN would include adopted orphans.
                pid, status, usage = os.wait4(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                self.peak_rss = usage.ru_maxrss * 1024  # Linux counts in KiB
                self._changed(status)

    def _changed(self, status: int) -> None:
        if os.WIFSTOPPED(status):
            self._is_stopped = True
            if self._terminal is not None:
                self._terminal.follow_stop(self.pid)
        elif os.WIFCONTINUED(status):
            self._is_stopped = False
        else:
            self.status = os.waitstatus_to_exitcode(status)
            if self._terminal is not None:
                self._terminal.take_back(self.pid)


def _start(
    command: Sequence[str],
    environ: Mapping[str, str],
    stderr: int | None,
    ignored: frozenset[int],
    held: frozenset[int],
) -> int:
    """Fork and exec; returns when the program has begun.

    ``posix_spawn`` is no alternative: it leaves two of the C library's signals ignored, and cannot set PDEATHSIG.
    """
    trouble, report_trouble = os.pipe()  # close-on-exec: end of file means that exec has succeeded
    parent = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # handlers are the parent's until exec
    pid = os.fork()
    if pid == 0:
        _become(command, environ, stderr, ignored, held, parent, report_trouble)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(report_trouble)  # this process's copy would keep the read from ever reaching the end of file
    number = os.read(trouble, 16)
    os.close(trouble)
    if number:
        os.waitpid(pid, 0)
        raise OSError(int(number), os.strerror(int(number)))
    return pid


def _become(
    command: Sequence[str],
    environ: Mapping[str, str],
    stderr: int | None,
    ignored: frozenset[int],
    held: frozenset[int],
    parent: int,
    report_trouble: int,
) -> NoReturn:
    """The child's side: become the program, or write the error number to the pipe."""
    try:
        os.setpgid(0, 0)  # the parent waits for exec, so the group exists before a signal is sent to it
        if parent != 1:  # nothing in its namespace outlives PID 1 anyway
            lifeline.die_with_parent()
        if os.getppid() != parent:  # it died before the kernel was asked: no signal will come
            os._exit(1)
        if stderr is not None:
            os.dup2(stderr, _STDERR)
        signals.restore(ignored)
        signal.pthread_sigmask(signal.SIG_BLOCK, held)
        os.execvpe(command[0], list(command), dict(environ))  # noqa: S606 - a list, and no shell
    except OSError as error:
        os.write(report_trouble, str(error.errno).encode())
    finally:
        os._exit(127)  # whatever happens, this copy of the supervisor must not run the supervisor's code


def _terminal() -> Terminal | None:
    try:
        return Terminal()
    except OSError:
        return None
