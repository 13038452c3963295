"""Everything that is known about how a job ended."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from collections.abc import Sequence
from typing import NamedTuple

from smc_core.errors import EXIT_SIGNAL_BASE
from smc_core.process.report.reader import CommandNote, Report

COMPLETED, FAILED, STOPPED = "completed", "failed", "stopped"
"""The status of a job that has ended."""


class Stop(NamedTuple):
    """A request to the job to stop.

    Attributes:
        number: the signal.
        at: when it came, in seconds on this host's monotonic clock.
        lasted: seconds from then to the exit of the script.
        begun: whether the user's code had begun.
        killed: why the job was killed: ``grace`` (its time was up), ``again`` (a second SIGTERM); "" if it was not.
        grace: seconds that it had to stop.
        is_final: whether the job had to stop, whatever it does with the signal.

    """

    number: int
    at: float
    lasted: float
    begun: bool
    killed: str
    grace: float
    is_final: bool = False


class Ending(NamedTuple):
    """Everything that is known about the end of a job.

    Attributes:
        status: the exit code of the job's first process, or minus the signal that killed it.
        pid: that process.
        reports: the reports of Python processes, the earliest first.
        note: what the job became; None where it ended before the user's code began.
        tail: the end of stderr.
        stop: the stop that was passed on, if any.
        oom_kills: processes in the job's cgroup that the kernel killed for lack of memory.
        memory_limit: bytes; None where there is no limit.
        memory_peak: bytes; None where the kernel does not report it.
        oom_is_counted: whether the kernel counts such kills for the job's cgroup: only then does 0 mean that there
            was none.
        machine_kills: processes that it killed so on the whole machine meanwhile; None where it does not report it.
        machine_memory: bytes of the machine; None where the kernel does not report it.
        cpu_limit: seconds of processor time that one process may use; None where there is no limit.
        cpu_seconds: processor time used by the first process and those that it waited for.
        peak_rss: the largest resident set among these processes, in bytes.
        disks: one line for each full file system.
        code_dir: the job's code directory, where the note does not have it.
        ended: when the first process exited, in seconds on the monotonic clock.
        waiting: the plugin and hook that a process was still waiting for; empty where none was.

    """

    status: int
    pid: int = 0
    reports: Sequence[Report] = ()
    note: CommandNote | None = None
    tail: bytes = b""
    stop: Stop | None = None
    oom_kills: int = 0
    memory_limit: int | None = None
    memory_peak: int | None = None
    oom_is_counted: bool = False
    machine_kills: int | None = None
    machine_memory: int | None = None
    cpu_limit: int | None = None
    cpu_seconds: float = 0.0
    peak_rss: int = 0
    disks: Sequence[str] = ()
    code_dir: str = ""
    ended: float = 0.0
    waiting: str = ""


def exit_code(status: int) -> int:
    """The exit code of a process as a shell has it: its own, or 128 + n where signal n killed it.

    Args:
        status: its exit code, or minus the signal that killed it, as :mod:`subprocess` has it.

    """
    return status if status >= 0 else EXIT_SIGNAL_BASE - status
