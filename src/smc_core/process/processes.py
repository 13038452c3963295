"""The process table, as ``/proc`` shows it: which processes belong to a job (``proc(5)``)."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import contextlib
import os
from collections.abc import Iterable
from typing import NamedTuple


class Process(NamedTuple):
    """One living process: its id, its parent's, its process group's, and when it started.

    ``born`` is in clock ticks since the machine started. Together with it a process id is unique: ids are reused.
    """

    pid: int
    parent: int
    group: int
    born: int


def find(pid: int) -> Process | None:
    """A living process; None where it is gone, or a zombie (exited, but not yet reaped by its parent)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name in parentheses may contain blanks and ")"
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, parent=int(fields[1]), group=int(fields[2]), born=int(fields[19]))


def is_running(pid: int) -> bool:
    """Whether a process runs, or sleeps: it has not exited.

    Args:
        pid: its process id. A child that has exited and waits to be reaped is not running.

    """
    return find(pid) is not None


def table() -> list[Process]:
    """All living processes that this one can see."""
    return [process for pid in _pids() if (process := find(pid)) is not None]


def descendants(ancestors: Iterable[int], among: list[Process]) -> set[int]:
    """All descendants of the given processes; those themselves are not included."""
    children: dict[int, list[int]] = {}
    for process in among:
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(ancestors)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(new)
        waiting.extend(new)
    return found


def of_job(mark: bytes | None, leader: int | None) -> set[int]:
    """The processes of a job, even if its supervisor is dead: marked, in its group, or descended from such a process.

    Args:
        mark: ``NAME=value``, which every process of the job has inherited; None where there is none.
        leader: the job's first process; None where it has not been started.

    """
    living = table()
    seeds = {process.pid for process in living if process.group == leader}
    if mark is not None:
        seeds.update(process.pid for process in living if mark in _environment(process.pid))
    return seeds | descendants(seeds, living)


def has_children(except_for: int | None) -> bool | None:
    """Whether this process has a child, zombie or not.

    Args:
        except_for: a child that does not count; None where all count.

    Returns:
        None where the kernel does not list children (it lacks ``CONFIG_PROC_CHILDREN``).

    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # fails with ECHILD where there is no child
        if except_for is None:
            return True
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return any(int(pid) != except_for for pid in file.read().split())
    except ChildProcessError:
        return False
    except OSError:
        return None


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def signal_tree(pid: int, number: int) -> None:
    """Send a signal to a process and all its descendants.

    The descendants come first: once their ancestor is gone, nothing leads to them.

    Args:
        pid: the process; nothing is sent where it is gone.
        number: the signal.

    """
    send(descendants([pid], table()), number)
    send([pid], number)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
