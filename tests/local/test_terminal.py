"""On a terminal a local job has colours and times; everywhere else, and in the log, it is plain."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time

import pytest

ESCAPE = "\x1b["


class Screen:
    """What a program shows on a terminal of its own."""

    def __init__(self, desk, *arguments: str, **variables: str) -> None:
        self.master, slave = pty.openpty()
        desk.environ.update({"TERM": "xterm-256color", **variables})

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        streams = {"stdin": slave, "stdout": slave, "stderr": subprocess.STDOUT}
        self.process = desk.start(*arguments, start_new_session=True, preexec_fn=take_terminal, **streams)
        os.close(slave)
        self.text = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.master], [], [], 1)[0]:
                self.text += os.read(self.master, 65536).decode()

    def end(self) -> tuple[int, str]:
        with contextlib.suppress(OSError):  # EIO when nobody has the other end
            while data := os.read(self.master, 65536):
                self.text += data.decode()
        os.close(self.master)
        return self.process.wait(60), self.text.replace("\r\n", "\n")


@pytest.fixture
def rich() -> None:
    pytest.importorskip("rich")


@pytest.mark.usefixtures("rich")
def test_colours_and_times_on_a_terminal_and_none_in_the_log(desk) -> None:
    desk.write("train.py", "print('of the job')\n")
    code, text = Screen(desk, "run", "train.py").end()
    assert code == 0
    assert re.search(r"smc +\d+\.\d s  script mode: train.py", text)
    assert "\nof the job\n" in text
    assert f"{ESCAPE}32mcompleted{ESCAPE}0m" in text
    log = (desk.job() / "log.txt").read_text()
    assert ESCAPE not in log
    assert "smc: script mode: train.py" in log
    assert f"{ESCAPE}32mcompleted{ESCAPE}0m" in Screen(desk, "jobs").end()[1]


def test_no_color_is_heeded(desk) -> None:
    desk.write("train.py", "print('of the job')\n")
    _, text = Screen(desk, "run", "train.py", NO_COLOR="1").end()
    assert ESCAPE not in text
    assert "smc: script mode: train.py" in text


def test_ctrl_c_on_a_terminal_interrupts_the_script_once(desk) -> None:
    desk.write(
        "train.py", "import time\ntry:\n    print('on', flush=True)\n    time.sleep(600)\nfinally: print('tidied')\n"
    )
    screen = Screen(desk, "run", "train.py", NO_COLOR="1")
    screen.read_until("on\r\n")
    os.write(screen.master, b"\x03")
    code, text = screen.end()
    assert code == 130
    assert text.count("tidied\n") == 1, text


def test_a_script_reads_from_the_terminal(desk) -> None:
    desk.write("train.py", "print('Hello', input('Name? '))\n")
    screen = Screen(desk, "run", "train.py", NO_COLOR="1")
    screen.read_until("Name? ")
    os.write(screen.master, b"Ada\n")
    assert "Hello Ada\n" in screen.end()[1]


def test_ctrl_c_on_a_terminal_stops_several_hosts(desk) -> None:
    desk.write(
        "train.py",
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('saved', flush=True)))\n"
        "print('on', flush=True)\ntime.sleep(600)\n",
    )
    screen = Screen(desk, "run", "train.py", "--hosts", "2", NO_COLOR="1")
    screen.read_until("[algo-1] on\r\n")
    screen.read_until("[algo-2] on\r\n")
    os.write(screen.master, b"\x03")
    code, text = screen.end()
    assert code == 0
    assert text.count("saved") == 2, text  # smc's own line may stand before its end: stdout is not smc's


def test_rich_is_not_imported_where_there_is_no_terminal(desk) -> None:
    desk.write("rich.py", "raise SystemExit('imported')\n")
    desk.write("train.py")
    desk.run("train.py")
    assert desk.smc("jobs").code == 0
