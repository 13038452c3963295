"""The folder of reports goes with its job: nothing else does, and no other job's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.process.report.folder import ReportDir


@pytest.mark.parametrize("holds", [True, False], ids=["supervisor", "watchdog"])
@pytest.mark.parametrize("place", ["link", "file", "folder", "nothing"])
def test_what_a_job_puts_in_the_place_of_the_folder_is_not_emptied(tmp_path, place, holds):
    """A link least of all: removing the folder would remove whatever the link leads to."""
    reports, precious = ReportDir({"TMPDIR": str(tmp_path)}, str(tmp_path)), tmp_path / "precious"
    (precious / "deep").mkdir(parents=True)
    (precious / "deep/data").write_text("of the user")
    assert reports.path is not None
    folder, moved = Path(reports.path), tmp_path / "moved"
    folder.rename(moved)
    if place == "link":
        folder.symlink_to(precious)
    elif place == "folder":
        precious.rename(folder)
        precious = folder
    elif place == "file":
        folder.write_text("of the user")
    if not holds:  # the watchdog has closed all that it had from the supervisor
        os.close(reports._lock)
    reports.remove()
    assert (precious / "deep/data").read_text() == "of the user"
    assert (os.listdir(moved) == []) == holds
    assert folder.exists() == (place == "folder")


def test_a_link_in_the_folder_is_removed_and_not_followed(tmp_path):
    reports, precious = ReportDir({"TMPDIR": str(tmp_path)}, str(tmp_path)), tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("of the user")
    assert reports.path is not None
    (Path(reports.path) / "inside").mkdir()
    for link in ("outside", "inside/outside"):
        (Path(reports.path) / link).symlink_to(precious)
    (Path(reports.path) / "inside").chmod(0o700)
    Path(reports.path).chmod(0)
    reports.remove()
    assert not os.path.lexists(reports.path)
    assert os.listdir(precious) == ["data"]


def _left(tmp_path, change=lambda folder: None):
    """Whether another job leaves a folder whose supervisor is gone, after a change to it."""
    gone = ReportDir({"TMPDIR": str(tmp_path)}, str(tmp_path))
    assert gone.path is not None
    change(Path(gone.path))
    os.close(gone._lock)  # as the kernel does for a supervisor that is killed
    other = ReportDir({"TMPDIR": str(tmp_path)}, str(tmp_path))
    other.remove_left_over()
    other.remove()
    return os.path.lexists(gone.path)


def _of_another_kernel(folder):
    (folder / "kernel").unlink()
    (folder / "kernel").symlink_to("0a5e7f5c-0000-4000-8000-000000000000")


def test_a_folder_whose_supervisor_is_gone_is_removed_by_another_job(tmp_path):
    assert not _left(tmp_path)
    assert not _left(tmp_path, lambda folder: (folder / "reserve").unlink())  # a disk was full


@pytest.mark.parametrize(
    "change",
    [_of_another_kernel, lambda folder: (folder / "kernel").unlink(), lambda folder: folder.chmod(0o755)],
    ids=["of another machine", "of an older version", "of somebody else"],
)
def test_a_folder_that_may_be_of_a_living_job_is_left(tmp_path, change):
    """On a file system that machines share, a lock of another machine need not be seen."""
    assert _left(tmp_path, change)


def test_a_folder_that_another_namespace_holds_is_left(tmp_path):
    """The holder's process id says nothing there, and the lock does."""
    hold = (
        "import sys; from smc_core.process.report.folder import ReportDir\n"
        "reports = ReportDir({'TMPDIR': sys.argv[1]}, '.'); print(reports.path, flush=True)\n"
        "sys.stdin.read(); reports.remove()"
    )
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if os.geteuid() == 0 else []
    with subprocess.Popen(
        [*apart, sys.executable, "-c", hold, str(tmp_path)], stdin=-1, stdout=-1, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        other = ReportDir({"TMPDIR": str(tmp_path)}, str(tmp_path))
        other.remove_left_over()
        assert (held / "reserve").exists()
        other.remove()
        holder.stdin.close()
        assert holder.wait(60) == 0
    assert os.listdir(tmp_path) == []
