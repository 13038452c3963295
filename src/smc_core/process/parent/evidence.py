"""Gathers the facts about a job's end: from the kernel, the job's processes and the supervisor."""

from __future__ import annotations

from smc_core.contract import JobPaths
from smc_core.process import diagnosis
from smc_core.process.outcome.ending import Ending, Stop
from smc_core.process.parent.child import Child
from smc_core.process.report import reader

_SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - looked at, not written to


class Evidence:
    """The state of the machine before a job, to be compared with the state after it.

    Args:
        paths: the job's folders.
        reports: the folder of reports; None where there is none.

    """

    def __init__(self, paths: JobPaths, reports: str | None) -> None:
        self._paths = paths
        self._reports = reports
        self._memory = diagnosis.memory()
        self._machine = diagnosis.machine()

    def ending(self, child: Child, tail: bytes, stop: Stop | None, ended: float) -> Ending:
        """Everything that is known now.

        Args:
            child: the first process, which has exited.
            tail: the end of stderr.
            stop: the stop that was passed on, if any.
            ended: when the first process exited, on the monotonic clock.

        """
        assert child.status is not None  # noqa: S101 - the job has been watched to its end
        memory, machine = diagnosis.memory(), diagnosis.machine()
        paths = self._paths
        return Ending(
            status=child.status,
            pid=child.pid,
            reports=reader.read_reports(self._reports),
            note=reader.read_command(self._reports),
            tail=tail,
            stop=stop,
            oom_kills=_more(self._memory.kills, memory.kills) or 0,
            memory_limit=memory.limit,
            memory_peak=memory.peak,
            oom_is_counted=memory.kills is not None,
            machine_kills=_more(self._machine.kills, machine.kills),
            machine_memory=machine.total,
            cpu_limit=diagnosis.cpu_limit(),
            cpu_seconds=child.cpu_seconds,
            peak_rss=child.peak_rss,
            disks=diagnosis.full_disks((paths.base, paths.output, paths.model, *_SCRATCH)),
            code_dir=paths.code,
            ended=ended,
            waiting=reader.read_waiting(self._reports),
        )


def _more(before: int | None, after: int | None) -> int | None:
    """By how much a counter has grown; None where it cannot be read."""
    return None if before is None or after is None else after - before
