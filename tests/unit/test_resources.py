"""What the container may use."""

import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.resources import cpu_count, gpu_count, memory_bytes, neuron_count

CGROUP_V1_CPU = Path("/sys/fs/cgroup/cpu")


def machine(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    """A ``/proc`` and ``/sys`` with this process in a cgroup."""
    for name, text in {"proc/self/cgroup": cgroup, "proc/meminfo": "MemTotal: 1024 kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def tool(folder: Path, name: str, output: str) -> None:
    """A program that prints what the vendor's tool prints."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'EOF'\n{output}\nEOF\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(("quota", "count"), [("max 100000", None), ("50000 100000", 1), ("1000 100000", 1)])
def test_cpu_quota_of_cgroup_2(tmp_path: Path, quota: str, count: int | None) -> None:
    root = machine(tmp_path, "0::/job\n", {"sys/fs/cgroup/job/cpu.max": quota + "\n"})
    assert cpu_count(root) == (count or len(os.sched_getaffinity(0)))


def test_a_parent_group_limits_too(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/a/cpu.max": "100000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}
    assert cpu_count(machine(tmp_path, "0::/a/b\n", files)) == 1


def test_cpu_quota_of_cgroup_1_with_joined_controllers(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/cpu,cpuacct/docker/x"
    files = {f"{folder}/cpu.cfs_quota_us": "100000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert cpu_count(machine(tmp_path, "4:cpu,cpuacct:/docker/x\n", files)) == 1


def test_no_quota_in_cgroup_1(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/cpu"
    files = {f"{folder}/cpu.cfs_quota_us": "-1\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert cpu_count(machine(tmp_path, "4:cpu:/hidden/by/namespace\n", files)) == len(os.sched_getaffinity(0))


def test_affinity_counts() -> None:
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import smc_core.resources as r; print(r.cpu_count())"
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output == "1\n"


@pytest.mark.skipif(
    not (CGROUP_V1_CPU.is_dir() and os.access(CGROUP_V1_CPU, os.W_OK) and os.geteuid() == 0),
    reason="needs root and a writable cpu controller of cgroup version 1",
)
def test_a_real_quota_counts() -> None:
    group = CGROUP_V1_CPU / f"smc-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text("50000")
        script = (
            f"import os; open('{group}/cgroup.procs', 'w').write(str(os.getpid()))\n"
            "import smc_core.resources as r; print(r.cpu_count())"
        )
        output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    finally:
        group.rmdir()
    assert output == "1\n"


def test_memory_is_the_smallest_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/job\n", {"sys/fs/cgroup/job/memory.max": "524288\n"})
    assert memory_bytes(root) == 524_288
    (root / "sys/fs/cgroup/job/memory.max").write_text("max\n")
    assert memory_bytes(root) == 1024 * 1024


def test_the_machine_itself_can_be_read() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or math.inf)
    assert (memory_bytes() or 0) > 2**20


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        (None, 3),
        ("", 0),
        ("-1", 0),
        ("0", 1),
        ("2,0", 2),
        ("0,7,1", 1),
        ("0,0", 1),
        ("GPU-aaaa,GPU-bbbb", 2),
        ("0,-1,1", 1),
        ("none", 0),
    ],
)
def test_gpus_are_those_that_cuda_would_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int
) -> None:
    tool(tmp_path, "nvidia-smi", "\n".join(f"GPU {index}: NVIDIA H100 (UUID: GPU-{index})" for index in range(3)))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_count({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == count


def test_neurons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert neuron_count() == 0
    tool(tmp_path, "neuron-ls", '[{"nc_count": 2}, {"nc_count": 2}]')
    assert neuron_count() == 4
    tool(tmp_path, "neuron-ls", "no devices")
    assert neuron_count() == 0
