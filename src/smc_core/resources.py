"""The resources of this container: processors, memory, accelerators.

A container sees the whole machine in ``/proc``. What it may use is limited by its control group (cgroup version 1 or
2), the processor affinity of the process, and variables that hide devices.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping

_QUERY_SECONDS = 30.0


def cpu_count(root: str | os.PathLike[str] = "/") -> int:
    """Processors that this process may use: at least 1.

    The smaller of the affinity mask and the cgroup's quota, rounded up to whole processors (as the JVM does).

    Args:
        root: where ``/proc`` and ``/sys`` are mounted.

    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def default_interface(root: str | os.PathLike[str] = "/") -> str | None:
    """The network interface of the default route; None if there is none.

    Args:
        root: where ``/proc`` is mounted.

    """
    try:
        rows = [line.split() for line in _text(root, "proc/net/route").splitlines()[1:]]
    except OSError:
        return None
    return next((row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"), None)


def memory_bytes(root: str | os.PathLike[str] = "/") -> int | None:
    """Bytes of memory that this process may use: the limit of the cgroup or the machine; None if neither is known."""
    limits = [
        int(text) for text in _cgroup_values(root, "memory", "memory.max", "memory.limit_in_bytes") if text.isdigit()
    ]
    try:
        for line in _text(root, "proc/meminfo").splitlines():
            if line.startswith("MemTotal:"):
                limits.append(int(line.split()[1]) * 1024)
    except OSError:
        pass
    return min(limits, default=None)


def gpu_count(environ: Mapping[str, str] | None = None) -> int:
    """NVIDIA GPUs that CUDA would show to this process; 0 without a driver.

    The number comes from the driver, through ``nvidia-ml-py`` (extra ``gpu``), or else from ``nvidia-smi``. GPUs that
    ``CUDA_VISIBLE_DEVICES`` hides do not count; as for CUDA, the list ends at its first invalid entry.
    """
    environ = os.environ if environ is None else environ
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and not visible.strip():
        return 0
    installed = installed_gpus()
    return installed if visible is None else _visible(visible, installed)


def neuron_count() -> int:
    """AWS Neuron cores of this machine, from ``neuron-ls -j``; 0 without that tool."""
    text = _ask("neuron-ls", "-j")
    try:
        devices = json.loads(text or "[]")
        return sum(int(device["nc_count"]) for device in devices)
    except (ValueError, TypeError, KeyError):
        return 0


def _visible(visible: str, installed: int) -> int:
    seen: set[str] = set()
    for entry in (part.strip() for part in visible.split(",")):
        is_index = entry.isdigit() and int(entry) < installed
        is_name = entry.startswith(("GPU-", "MIG-"))
        if not (is_index or is_name) or entry in seen:
            break
        seen.add(entry)
    return min(len(seen), installed) if not any(name.startswith("MIG-") for name in seen) else len(seen)


def installed_gpus() -> int:
    """NVIDIA GPUs of this machine, including hidden ones; 0 without a driver."""
    try:
        import pynvml  # the extra "gpu"
    except ImportError:
        listing = _ask("nvidia-smi", "--list-gpus") or ""
        return sum(line.startswith("GPU ") for line in listing.splitlines())
    try:
        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0


def _ask(program: str, *options: str) -> str | None:
    path = next(filter(_is_program, (os.path.join(d, program) for d in os.get_exec_path())), None)
    if path is None:
        return None
    import subprocess

    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program and fixed options
            [path, *options], capture_output=True, text=True, timeout=_QUERY_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def cpu_quota(root: str | os.PathLike[str] = "/") -> float | None:
    """Processors that the control group grants, possibly a fraction; None if it sets no limit.

    Args:
        root: where ``/proc`` and ``/sys`` are mounted.

    """
    quotas = []
    for text in _cgroup_values(root, "cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and int(quota) > 0:
            quotas.append(int(quota) / int(period or 100_000))
    return min(quotas, default=None)


def _cgroup_values(root: str | os.PathLike[str], controller: str, v2_name: str, v1_name: str) -> Iterator[str]:
    """The texts of a limit in this process's cgroup and each of its parents, for both versions."""
    for version, mount, group in _cgroup_folders(root, controller):
        name = v2_name if version == 2 else v1_name
        folder = os.path.join(mount, group).rstrip("/")
        while True:
            try:
                text = _text(folder, name).strip()
                if name == "cpu.cfs_quota_us":
                    text += " " + _text(folder, "cpu.cfs_period_us").strip()
                yield text
            except OSError:
                pass  # the root group has no limit, and a namespace hides the parents
            if folder == mount:
                break
            folder = os.path.dirname(folder)


def _cgroup_folders(root: str | os.PathLike[str], controller: str) -> Iterator[tuple[int, str, str]]:
    """Version, mount point and group of each hierarchy that can limit the controller (``cgroups(7)``)."""
    base = os.path.join(root, "sys/fs/cgroup")
    try:
        lines = _text(root, "proc/self/cgroup").splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        group = group.lstrip("/")
        if group.startswith(".."):
            group = ""  # outside our cgroup namespace: only what is mounted here can be read
        if number == "0":
            yield 2, base, group
        elif controller in controllers.split(","):
            for name in (controllers, controller):
                mount = os.path.join(base, name)
                if os.path.isdir(mount):
                    yield 1, mount, group if os.path.isdir(os.path.join(mount, group)) else ""
                    break


def _text(folder: str | os.PathLike[str], name: str) -> str:
    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
        return file.read()
