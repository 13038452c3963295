"""What a platform says about a job: who its hosts are, which of them this is, where things are, how a stop comes.

Plain classes and the standard library only: the supervisor asks, too, and ``dataclasses`` would cost it 2 MB.
"""

from __future__ import annotations

MOST_HOSTS = 65_536
"""Hosts of a job; a larger number in a variable is a mistake."""
FIRST_PORT, _PORT_STEP, _PORT_SLOTS = 10_000, 16, 1_250
"""Ports for jobs that may share a host: below Linux's ephemeral ones, which begin at 32768, and 16 for each job."""
KUBERNETES = "KUBERNETES_SERVICE_HOST"
"""Set in every pod of Kubernetes, whatever runs on top of it."""


class Platform:
    """What one platform says; None, or empty, is what it does not say.

    Args:
        name: the platform: ``slurm``.
        given: the attributes that it says.

    Attributes:
        hosts: names of all hosts in the order of their ranks; None if their number is not known: this host is alone.
        are_addresses: whether the names in ``hosts`` resolve; else they are made up, and only ``master`` does.
        rank: the position of this host in ``hosts``.
        master: address of the master where that is not ``hosts[0]``.
        master_port: the TCP port for rendezvous on the master.
        processes_per_host: processes that a launcher starts on each host.
        job_name: the job's name.
        job_id: its identifier, the same on all its hosts and after a restart.
        attempt: how often the job was restarted before, from 0.
        task: which of several copies on this host this is, from 0; None if the platform starts one a host.
        no_launcher: why a launcher cannot be used here, and what to do; else empty.
        channels: name of a channel → its folder.
        model_dir: where the platform takes the model from.
        checkpoint_dir: where it keeps checkpoints.
        tensorboard_dir: where it looks for TensorBoard events.
        kept: ``model`` or ``tensorboard`` → the folder that the platform keeps if nothing else is said, relative to the
            working directory of its command.
        notes: lines for the log.
        sources: attribute → the variable or file that said it.

    """

    __slots__ = (
        "are_addresses",
        "attempt",
        "channels",
        "checkpoint_dir",
        "hosts",
        "job_id",
        "job_name",
        "kept",
        "master",
        "master_port",
        "model_dir",
        "name",
        "no_launcher",
        "notes",
        "processes_per_host",
        "rank",
        "sources",
        "task",
        "tensorboard_dir",
    )
    name: str
    hosts: list[str] | None
    are_addresses: bool
    rank: int
    master: str | None
    master_port: int | None
    processes_per_host: int | None
    job_name: str | None
    job_id: str | None
    attempt: int
    task: int | None
    no_launcher: str
    channels: dict[str, str]
    model_dir: str | None
    checkpoint_dir: str | None
    tensorboard_dir: str | None
    kept: dict[str, str]
    notes: list[str]
    sources: dict[str, str]

    def __init__(self, name: str, **given: object) -> None:
        values = dict.fromkeys(self.__slots__) | {
            "name": name,
            "are_addresses": True,
            "rank": 0,
            "attempt": 0,
            "no_launcher": "",
            "channels": {},
            "kept": {},
            "notes": [],
            "sources": {},
        }
        for attribute, value in {**values, **given}.items():
            setattr(self, attribute, value)

    def __repr__(self) -> str:
        return f"Platform({self.name!r}, hosts={self.hosts!r}, rank={self.rank})"

    @property
    def current_host(self) -> str | None:
        """The name of this host; None if the platform does not say it."""
        return None if self.hosts is None else self.hosts[self.rank]


def made_up(count: int) -> list[str]:
    """Names of hosts where the platform tells their number only."""
    return [f"node-{rank}" for rank in range(count)]


def port_of(job_id: str) -> int:
    """A port that jobs sharing a host do not share: from the digits of a job's identifier."""
    digits = "".join(character for character in job_id if character in "0123456789")[-9:]
    return FIRST_PORT + int(digits or "0") % _PORT_SLOTS * _PORT_STEP
