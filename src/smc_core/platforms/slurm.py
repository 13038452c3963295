"""Slurm: variables of ``srun(1)`` and ``sbatch(1)``.

Only a step that ``srun`` started knows its rank. A batch script runs once, on the first node: it is one host, whatever
the job has. Shells that ``srun --pty`` or ``salloc`` started are one host, too: only one of them is there to type in.
"""

from __future__ import annotations

from smc_core.platforms.base import Platform, port_of
from smc_core.platforms.reader import Reader
from smc_core.settings import PROCESSES_PER_HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "slurm"
STOP_SECONDS: float | None = 30.0
"""Slurm's default for ``KillWait``."""
MARKER = "`SLURM_JOB_ID`; in a step `SLURM_STEP_ID` and `SLURM_PROCID`"
HOSTS = "`SLURM_STEP_NODELIST`"
RANK = "`SLURM_NODEID`"
MASTER = "the first node"
_SHELLS = ("bash", "interactive")
"""Names that Slurm gives to jobs for typing in."""


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether this is part of a job of Slurm."""
    return "SLURM_JOB_ID" in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether this is a step, whose signal srun and slurmd send to each of its processes."""
    return "SLURM_STEP_ID" in environ


def describe(reader: Reader) -> Platform:
    """The nodes of the step, or this host alone outside one."""
    environ = reader.environ
    job = reader.text("job_id", "SLURM_JOB_ID") or "0"
    is_step = "SLURM_STEP_ID" in environ and "SLURM_PROCID" in environ
    platform = Platform(
        NAME,
        job_name=reader.text("job_name", "SLURM_JOB_NAME"),
        job_id=job,
        attempt=reader.number("attempt", "SLURM_RESTART_COUNT") or 0,
        master_port=port_of(job),
    )
    reader.sources["master_port"] = "SLURM_JOB_ID"
    if is_step and environ.get("SLURM_JOB_NAME") not in _SHELLS:
        _describe_step(platform, reader)
    return platform


def _describe_step(platform: Platform, reader: Reader) -> None:
    from smc_core.platforms.hostlist import expanded

    count = reader.number("count", "SLURM_STEP_NUM_NODES", "SLURM_JOB_NUM_NODES", "SLURM_NNODES", least=1)
    text = reader.text("hosts", "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST")
    if text is None:
        return
    try:
        hosts = reader.checked_names(reader.sources["hosts"], expanded(text))
    except ValueError as error:
        raise reader.refused(reader.sources["hosts"], f"a list of hosts ({error})") from None
    reader.agree(count, hosts)
    platform.hosts = hosts
    platform.rank = reader.rank(len(hosts), "SLURM_NODEID")
    counts = _tasks(reader)
    tasks = counts[platform.rank] if platform.rank < len(counts) else 1
    if tasks > 1:
        platform.task = reader.number("task", "SLURM_LOCALID")
    if max(counts, default=1) > 1:
        platform.no_launcher = (
            f"Slurm starts {tasks} tasks on this node, and a launcher starts its processes itself: "
            f"use --ntasks-per-node=1, and {PROCESSES_PER_HOST}={tasks} for as many processes"
        )


def _tasks(reader: Reader) -> list[int]:
    """Tasks of each node, from ``2(x3),1``."""
    name = "SLURM_STEP_TASKS_PER_NODE" if "SLURM_STEP_TASKS_PER_NODE" in reader.environ else "SLURM_TASKS_PER_NODE"
    counts: list[int] = []
    for part in reader.environ.get(name, "1").split(","):
        number, _, times = part.partition("(x")
        repeated = reader.as_number(times.removesuffix(")"), name, 1) if times else 1
        counts += [reader.as_number(number, name, 1)] * repeated
    return counts
