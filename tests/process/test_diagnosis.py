"""What the kernel knows is told as a fact: a cgroup's out-of-memory killer, a full disk, an output folder it refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from smc_core.process import diagnosis
from smc_core.process.diagnosis import Memory

MEBIBYTE = 1024 * 1024
V1_MOUNT = "35 30 0:30 {root} {point} rw,nosuid shared:9 - cgroup cgroup rw,memory"
V2_MOUNT = "36 30 0:31 {root} {point} rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate"


@pytest.fixture
def kernel(tmp_path):
    """Writes what ``/proc/self`` and a memory cgroup would hold."""

    def write(cgroup, mount, root, files):
        point = tmp_path / "cgroup mount"
        for path, content in files.items():
            (point / path).parent.mkdir(parents=True, exist_ok=True)
            (point / path).write_text(content)
        (tmp_path / "cgroup").write_text(cgroup)
        escaped = str(point).replace(" ", "\\040")
        (tmp_path / "mountinfo").write_text(
            f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n{mount.format(root=root, point=escaped)}\n"
        )
        return str(tmp_path)

    return write


def test_version_2_inside_a_namespace(kernel):
    files = {
        "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n",
        "memory.max": "536870912\n",
        "memory.peak": "536870000\n",
    }
    assert diagnosis.memory(kernel("0::/\n", V2_MOUNT, "/", files)) == Memory(2, 512 * MEBIBYTE, 536870000)


def test_version_2_outside_a_namespace(kernel):
    """The limit may be that of a cgroup above."""
    files = {
        "kubepods/memory.max": "1073741824\n",
        "kubepods/pod1/memory.max": "max\n",
        "kubepods/pod1/memory.events": "oom_kill 0\n",
    }
    proc = kernel("0::/kubepods/pod1\n", V2_MOUNT, "/", files)
    assert diagnosis.memory(proc) == Memory(0, 1024 * MEBIBYTE, None)


def test_version_1_in_a_container(kernel):
    """The mount shows the container's own part of the tree, while the path is the host's."""
    files = {
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        "memory.limit_in_bytes": "268435456\n",
        "memory.max_usage_in_bytes": "268435000\n",
    }
    proc = kernel("4:cpu,memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n", V1_MOUNT, "/docker/abc", files)
    assert diagnosis.memory(proc) == Memory(1, 256 * MEBIBYTE, 268435000)


def test_version_1_without_a_limit(kernel):
    files = {"memory.oom_control": "oom_kill 0\n", "memory.limit_in_bytes": "9223372036854771712\n"}
    assert diagnosis.memory(kernel("4:memory:/\n", V1_MOUNT, "/", files)) == Memory(0, None, None)


def test_version_1_of_other_controllers_does_not_hide_version_2(kernel):
    proc = kernel("3:cpu:/x\n0::/\n", V2_MOUNT, "/", {"memory.events": "oom_kill 4\n"})
    assert diagnosis.memory(proc).kills == 4


@pytest.mark.parametrize(
    ("cgroup", "mount"), [("", ""), ("0::/\n", ""), ("nonsense", "nonsense"), ("4:memory:/../../x\n", V1_MOUNT)]
)
def test_a_kernel_that_tells_nothing(cgroup, mount, kernel):
    assert diagnosis.memory(kernel(cgroup, mount, "/", {})) == Memory()
    assert diagnosis.memory("/no/such/folder") == Memory()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (512 * MEBIBYTE, "512.0 MiB"), (3 << 40, "3.0 TiB")],
)
def test_sizes(count, text):
    assert diagnosis.size_text(count) == text


@contextlib.contextmanager
def _memory_cgroup(limit):
    """A memory cgroup of this machine with a limit in bytes: a folder into which a process number is written."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    fields = [line.split() for line in lines]
    v1 = next((f[4] for f in fields if "cgroup" in f and "memory" in f[-1].split(",")), None)
    v2 = next((f[4] for f in fields if "cgroup2" in f), None)
    top = v1 or v2
    if top is None:
        pytest.skip("no cgroup is mounted")
    folder = Path(top, f"smc-test-{os.getpid()}")
    try:
        folder.mkdir()
        limits = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes") if v1 else ("memory.max", "memory.swap.max")
        (folder / limits[0]).write_text(str(limit))
        with contextlib.suppress(OSError):
            (folder / limits[1]).write_text(str(limit if v1 else 0))
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no memory cgroup can be made here: {error}")
    try:
        yield folder
    finally:
        folder.rmdir()


def _enter(folder):
    """The beginning of a command line that runs what follows in a cgroup."""
    return ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]


EAT = "import os, sys\nprint('eating', file=sys.stderr)\nx = [b'x' * (1 << 20) for _ in range(4096)]\n"


def test_out_of_memory_is_a_fact(job):
    job.write("train.py", EAT)
    with _memory_cgroup(192 * MEBIBYTE) as folder:
        result = job.run("train.py", prefix=_enter(folder))
    assert result.exit_code == 137
    assert result.first_line.startswith("Out of memory: the kernel killed the script (limit 192.0 MiB, peak 19")
    assert "Last lines on stderr:\neating" in result.failure


def test_out_of_memory_of_a_process_that_the_script_started(job):
    """The exception is what the script saw; the kernel's fact stands beside it."""
    job.write("train.py", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {EAT!r}], check=True)\n")
    with _memory_cgroup(192 * MEBIBYTE) as folder:
        result = job.run("train.py", prefix=_enter(folder))
    assert result.exit_code == 1
    assert result.first_line.startswith("subprocess.CalledProcessError: ")
    assert "Out of memory: the kernel killed a process of the job (limit 192.0 MiB, peak" in result.failure[:1024]


def test_out_of_memory_in_a_shell_script(job):
    job.write("eat.py", EAT)
    job.write("train.sh", f"#!/bin/sh\n{sys.executable} eat.py\n")
    with _memory_cgroup(192 * MEBIBYTE) as folder:
        result = job.run("train.sh", prefix=_enter(folder))
    assert result.exit_code == 137
    assert result.first_line.startswith("Out of memory: the kernel killed a process of the job (limit 192.0 MiB")
    assert result.first_line.endswith("; exit code 137")


def test_a_sigkill_that_nobody_explains_is_no_suspicion(job):
    result = job.supervise("sh", "-c", "kill -KILL $$")
    assert result.first_line == ("Killed by SIGKILL; the sender is unknown, before the user's code began")


@contextlib.contextmanager
def _small_disk(folder, size="1m"):
    """A file system of one mebibyte."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "smc-test", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_that_the_exception_names(job):
    job.write(
        "train.py",
        "import os\nwith open(os.environ['SM_MODEL_DIR'] + '/weights', 'wb') as f:\n    f.write(bytes(2 << 20))\n",
    )
    with _small_disk(job.base / "model"):
        result = job.run("train.py")
    assert result.exit_code == 1
    assert result.first_line.startswith("OSError: [Errno 28] No space left on device")
    assert f"Disk full: {job.base}/model (tmpfs) has 0 B of 1.0 MiB free." in result.failure[:1024]


def test_a_full_disk_that_nothing_names(job):
    """A program that fails for lack of room, and says so to nobody."""
    with _small_disk(job.base / "model"):
        result = job.supervise("sh", "-c", f"cat /dev/zero > {job.base}/model/weights 2>/dev/null; exit 4")
    assert result.first_line == "Exit code 4, and nothing on stderr"
    assert f"Disk full: {job.base}/model (tmpfs) has 0 B of 1.0 MiB free." in result.failure


def test_a_full_output_folder(job):
    """Room for the failure file was set aside when the job began."""
    with _small_disk(job.output):
        result = job.supervise("sh", "-c", f"cat /dev/zero > {job.output}/data 2>/dev/null; echo full >&2; exit 4")
    assert result.exit_code == 4
    # The file system is gone with its mount, so the text is looked for in what smc said.
    assert result.stderr.splitlines()[1:] == ["smc: exit code 4: Exit code 4; last line on stderr: full"]


def test_the_failure_file_in_a_full_output_folder(job):
    with _small_disk(job.output):
        running = job.start_supervisor("sh", "-c", f"cat /dev/zero > {job.output}/data 2>/dev/null; exit 4")
        running.wait()
        text = (job.output / "failure").read_text()
        names = sorted(os.listdir(job.output))
    assert text.startswith("Exit code 4, and nothing on stderr\n")
    assert names == ["data", "failure"]


def test_a_full_folder_of_reports(job):
    """Room for the first report was set aside too."""
    job.write(
        "train.py",
        textwrap.dedent("""
        import contextlib, os
        with contextlib.suppress(OSError), open(os.environ["TMPDIR"] + "/data", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        raise ValueError("told though the disk is full")
    """),
    )
    with _small_disk(job.scratch):
        result = job.run("train.py")
    assert result.first_line == "ValueError: told though the disk is full (train.py:7, in <module>)"


@pytest.fixture
def read_only_output(job):
    job.output.mkdir()
    with _small_disk(job.output):
        subprocess.run(["mount", "-o", "remount,ro", job.output], check=True)
        yield


@pytest.mark.parametrize("code", [0, 3])
def test_an_output_folder_that_cannot_be_written(code, job, read_only_output):
    """The exit code still tells, and the message goes to stderr."""
    result = job.supervise("sh", "-c", f"echo the reason >&2; exit {code}")
    said = result.stderr.splitlines()
    assert (result.exit_code, result.failure, result.success) == (code, None, False)
    assert said[-1].endswith("cannot be written: Read-only file system")
    if code:
        assert "smc: Exit code 3; last line on stderr: the reason" in said


def test_full_disks_of_nothing():
    assert diagnosis.full_disks(["/no/such/folder", "/proc", "/dev"]) == []


def test_a_full_disk_without_a_name():
    error = OSError(errno.ENOSPC, "No space left on device")
    assert diagnosis.is_disk_full(error)
    assert diagnosis.disk_note(error) == "A disk is full; the error does not name the file."
    assert not diagnosis.is_disk_full(OSError(errno.EPERM, "no"))
    assert not diagnosis.is_disk_full(ValueError())
