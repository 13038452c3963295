"""Looking at processes, and signalling them with all that descend from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from smc_core.kit import is_running, signal_tree
from smc_core.testing import start, wait_until

TREE = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
os.write(1, b"%d\\n" % child.pid)
child.wait()
os.write(1, b"the child is gone\\n")
time.sleep(600)
"""


def test_a_child_that_has_exited_is_not_running_though_nobody_has_reaped_it() -> None:
    assert is_running(os.getpid())
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.wait()
    assert not is_running(child.pid)


def test_a_signal_reaches_descendants_in_other_sessions_too() -> None:
    with start([sys.executable, "-c", TREE]) as running:
        child = int(running.read_line())
        signal_tree(running.pid, signal.SIGTERM)
        assert running.wait().exit_code == -signal.SIGTERM
        wait_until(lambda: not is_running(child))


def test_a_process_that_is_gone_is_no_error() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    signal_tree(child.pid, signal.SIGTERM)
