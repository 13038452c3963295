"""On a terminal a local job has colours and times; everywhere else, and in the log, it is plain."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

ESCAPE = "\x1b["


class Screen:
    """What a program shows on a terminal of its own."""

    def __init__(self, desk, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> None:
        self.master, slave = pty.openpty()
        desk.environ.update({"TERM": "xterm-256color", **variables})

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        streams = {"stdin": slave, "stdout": slave, "stderr": subprocess.STDOUT}
        self.process = desk.start(
            *arguments, prefix=prefix, start_new_session=True, preexec_fn=take_terminal, **streams
        )
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
        return self.process.wait().exit_code, self.text.replace("\r\n", "\n")


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


SHOW_TERMINAL = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
while True:
    sizes = [os.get_terminal_size(number) for number in (1, 2)]
    os.write(1, "".join(f"{number}: {size}\\n" for number, size in enumerate(sizes, 1)).encode())
    if sizes[0].columns == sizes[1].columns == 140:
        break
    signal.sigwait([signal.SIGWINCH])
print("\\x1b[31mdone\\x1b[0m")
sys.stderr.write("".join(f"\\r{n}0 %" for n in range(1, 10)))
sys.exit(3)
"""


def resize(screen: Screen, columns: int) -> None:
    fcntl.ioctl(screen.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))


def test_a_job_prints_to_a_terminal_that_has_the_users_size(desk) -> None:
    desk.write("train.py", SHOW_TERMINAL)
    screen = Screen(desk, "run", "train.py", NO_COLOR="1")
    screen.read_until("2: os.terminal_size(columns=0, lines=0)\r\n")
    for columns in (77, 140):
        resize(screen, columns)
        screen.read_until(f"1: os.terminal_size(columns={columns}, lines=40)\r\n")
        screen.read_until(f"2: os.terminal_size(columns={columns}, lines=40)\r\n")
    code, text = screen.end()
    assert code == 3
    assert f"{ESCAPE}31mdone{ESCAPE}0m\n" in text
    assert "\r80 %\r90 %" in text
    log = (desk.job() / "log.txt").read_bytes()
    assert b"done\n" in log
    assert b"\r" not in log
    assert b"\x1b" not in log
    assert b"10 %" not in log
    failure = (desk.job() / "output/failure").read_text()
    assert "90 %" in failure
    assert "80 %" not in failure


def test_only_what_is_a_terminal_of_the_users_is_one(desk) -> None:
    desk.write("train.py", "import os\nprint([os.isatty(number) for number in (0, 1, 2)])\n")
    shell = ["sh", "-c", 'exec "$@" 2> errors', "sh"]
    assert "[True, True, False]\n" in Screen(desk, "run", "train.py", prefix=shell).end()[1]


def test_nothing_that_is_printed_to_a_terminal_is_lost(desk) -> None:
    desk.write(
        "train.py",
        "import sys\n"
        "for number in range(30000): print('out', number)\n"
        "for number in range(30000): print('err', number, file=sys.stderr)\n",
    )
    code, text = Screen(desk, "run", "train.py", NO_COLOR="1").end()
    assert code == 0
    log = (desk.job() / "log.txt").read_text()
    for kind in ("out", "err"):
        expected = [f"{kind} {number}" for number in range(30000)]
        assert [line for line in text.splitlines() if line.startswith(kind)] == expected
        assert [line for line in log.splitlines() if line.startswith(kind)] == expected


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
    assert desk.smc("jobs").exit_code == 0
