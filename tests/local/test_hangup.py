"""``nohup smc run``: the job goes on when its terminal is closed."""

from __future__ import annotations

import os
import pty
import signal

import pytest

from smc_core.testing import wait_until


@pytest.mark.parametrize(("prefix", "goes_on"), [("nohup ", True), ("", False)])
def test_a_job_outlives_its_terminal_where_nohup_asks_for_that(desk, prefix: str, goes_on: bool) -> None:
    os.mkfifo(desk.folder / "go")
    desk.write("train.sh", "echo begun > begun\nread line < go\necho $line > ended\n")
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(desk.folder)
        command = f"{prefix}{desk.python} -m smc_core run --name mine train.sh; true"
        os.execve("/bin/sh", ["/bin/sh", "-m", "-c", command], desk.environ)
    wait_until((desk.folder / "begun").exists)
    os.close(terminal)  # the kernel hangs up on the shell and on the job in the foreground
    _, status = os.waitpid(shell, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGHUP
    if not goes_on:
        wait_until(lambda: desk.jobs()[0]["status"] not in ("running", "lost"))
        assert not (desk.folder / "ended").exists()
        return
    (desk.folder / "go").write_text("went on\n")
    wait_until(lambda: desk.jobs()[0]["status"] == "completed")
    assert (desk.folder / "ended").read_text() == "went on\n"
