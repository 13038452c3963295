"""What the kernel knows about a failure: the out-of-memory killer's count, and file systems that are full.

Sources: Linux ``Documentation/admin-guide/cgroup-v2.rst`` (``memory.events``, ``memory.max``,
``memory.peak``) and ``cgroup-v1/memory.rst`` (``memory.oom_control``, ``memory.limit_in_bytes``,
``memory.max_usage_in_bytes``); ``proc(5)`` (``/proc/self/cgroup``, ``/proc/self/mountinfo``).
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import errno
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_NO_LIMIT = 1 << 62
"""Bytes. Version 1 reports a missing limit as a huge number, close to the largest page-aligned integer."""
_FULL = 1 << 20
"""Bytes; a file system with less than this available counts as full."""


class Memory(NamedTuple):
    """The memory of this container. Bytes; None where the kernel does not report it.

    Attributes:
        kills: processes that the out-of-memory killer has killed in this cgroup since it was created.
        limit: the tightest limit of this cgroup and those above it.
        peak: the most memory ever used.

    """

    kills: int | None = None
    limit: int | None = None
    peak: int | None = None


def memory(proc: str = "/proc/self") -> Memory:
    """Read the memory cgroup of this process, version 1 or 2, inside a cgroup namespace or not.

    Args:
        proc: the folder from which ``cgroup`` and ``mountinfo`` are read; tests pass their own.

    """
    found = _memory_cgroup(proc)
    if found is None:
        return Memory()
    version, folder, top = found
    if version == 1:
        files = ("memory.oom_control", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
    else:
        files = ("memory.events", "memory.max", "memory.peak")
    kills, limit, peak = files
    return Memory(_counter(os.path.join(folder, kills), "oom_kill"), _limit(folder, top, limit), _number(folder, peak))


class Machine(NamedTuple):
    """The memory of the whole machine. None where the kernel does not report it.

    Attributes:
        kills: processes that the out-of-memory killer has killed since the machine started.
        total: bytes.

    """

    kills: int | None = None
    total: int | None = None


def machine(proc: str = "/proc") -> Machine:
    """Read what the kernel reports about the whole machine.

    Args:
        proc: the folder from which ``vmstat`` and ``meminfo`` are read; tests pass their own.

    """
    total = next((line.split() for line in _lines(os.path.join(proc, "meminfo")) if line.startswith("MemTotal:")), [])
    size = int(total[1]) * 1024 if len(total) > 1 and total[1].isdecimal() else None
    return Machine(_counter(os.path.join(proc, "vmstat"), "oom_kill"), size)


def cpu_limit() -> int | None:
    """Seconds of processor time after which the kernel kills a process of this job; None where there is no limit."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or a quota, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_note(error: BaseException) -> str:
    """One line about the current state of the file system that a disk-full error names."""
    path = getattr(error, "filename", None)
    if isinstance(path, (str, bytes)):
        known = _describe(os.fsdecode(path))
        if known:
            return f"Disk full: {known}."
    return "A disk is full; the error does not name the file."


def full_disks(paths: Iterable[str]) -> list[str]:
    """One line for each file system under these paths that has run out of space or inodes."""
    lines: dict[int, str] = {}
    for path in paths:
        try:
            device, state = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        no_room = state.f_blocks and state.f_bavail * state.f_frsize < _FULL
        no_inode = state.f_files and not state.f_favail
        if (no_room or no_inode) and not state.f_flag & os.ST_RDONLY:
            lines.setdefault(device, f"Disk full: {_describe(path)}{'' if no_room else ', no inode left'}.")
    return list(lines.values())


def size_text(count: int) -> str:
    """A number of bytes in a suitable unit: ``512.0 MiB``.

    Args:
        count: bytes.

    """
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _describe(path: str) -> str:
    """The file system of a path, or of the nearest folder above it that exists."""
    place = os.path.abspath(path)
    while not os.path.exists(place) and place != os.sep:
        place = os.path.dirname(place)
    try:
        state = os.statvfs(place)
    except OSError:
        return ""
    size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    mount, kind = _mount_of(os.path.realpath(place))
    return f"{mount} ({kind}) has {size_text(free)} of {size_text(size)} free"


def _mount_of(path: str) -> tuple[str, str]:
    best = ("/", "file system")
    for point, _root, kind, _options in _mounts("/proc/self"):
        inside = path == point or path.startswith(os.path.join(point, ""))
        if inside and len(point) >= len(best[0]):  # of two mounts at one place, the later one is seen
            best = (point, kind)
    return best


def _mounts(proc: str) -> Iterator[tuple[str, str, str, str]]:
    """Mount point, root, type and super-block options of every mount, in the order of mounting."""
    for line in _lines(os.path.join(proc, "mountinfo")):
        # A variable number of optional fields ends at " - ", so the columns are counted from both sides of it.
        left, separator, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if separator and len(fields) >= 5 and kind:
            yield _unescaped(fields[4]), _unescaped(fields[3]), kind[0], kind[-1]


def _unescaped(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def _memory_cgroup(proc: str) -> tuple[int, str, str] | None:
    """Version, folder and mount point of the memory cgroup; version 1 where it has the memory controller."""
    paths: dict[int, str] = {}
    for line in _lines(os.path.join(proc, "cgroup")):
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "memory" in controllers.split(","):
            paths[1] = path
        elif number == "0":
            paths[2] = path
    for point, root, kind, options in _mounts(proc):
        if 1 in paths and kind == "cgroup" and "memory" in options.split(","):
            return 1, _cgroup_folder(point, root, paths[1]), point
        if 1 not in paths and 2 in paths and kind == "cgroup2":
            return 2, _cgroup_folder(point, root, paths[2]), point
    return None


def _cgroup_folder(point: str, root: str, path: str) -> str:
    """The folder of a cgroup below its mount point; the mount may show only a part of the tree."""
    inner = path.removeprefix(root.rstrip("/")) if path.startswith(root.rstrip("/") + "/") else ""
    folder = os.path.normpath(os.path.join(point, inner.strip("/")))
    return folder if folder.startswith(point) and os.path.isdir(folder) else point


def _limit(folder: str, top: str, name: str) -> int | None:
    limits = []
    while folder.startswith(top):
        limit = _number(folder, name)
        if limit is not None and limit < _NO_LIMIT:
            limits.append(limit)
        folder = os.path.dirname(folder)
    return min(limits, default=None)


def _number(folder: str, name: str) -> int | None:
    lines = _lines(os.path.join(folder, name))
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def _counter(path: str, name: str) -> int | None:
    for line in _lines(path):
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []
