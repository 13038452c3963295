"""What a host prints arrives whole, whatever the descriptor that smc inherited is set to."""

from __future__ import annotations

import fcntl
import os
import select

import pytest

from smc_core.local.streams import as_text
from smc_core.testing import wait_until

LINES = "".join(f"{number}\n" for number in range(200_000))


def _pipe_that_does_not_wait() -> tuple[int, int]:
    """As a Node program makes one for its children; small, so that it is full at once."""
    source, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(sink, False)
    return source, sink


def _read(source: int) -> str:
    with open(source) as file:
        return file.read()


def test_nothing_is_lost_where_stdout_does_not_wait_for_its_reader(desk) -> None:
    desk.write("train.py", "for number in range(200_000): print(number)\n")
    source, sink = _pipe_that_does_not_wait()
    process = desk.start("run", "train.py", stdout=sink)
    os.close(sink)
    assert _read(source) == LINES
    assert process.wait().exit_code == 0


def test_nothing_of_several_hosts_is_lost_either(desk) -> None:
    desk.write("train.py", "for number in range(20_000): print(number)\n")
    source, sink = _pipe_that_does_not_wait()
    process = desk.start("run", "train.py", "--hosts", "2", stdout=sink)
    os.close(sink)
    shown = _read(source).splitlines()
    assert process.wait().exit_code == 0
    for host in ("algo-1", "algo-2"):
        assert [line for line in shown if line.startswith(f"[{host}] ")] == [f"[{host}] {n}" for n in range(20_000)]


def test_a_reader_that_goes_away_while_it_is_waited_for_does_not_end_the_job(desk) -> None:
    desk.write("train.py", "for number in range(200_000): print(number)\n")
    source, sink = _pipe_that_does_not_wait()
    process = desk.start("run", "train.py", stdout=sink)
    wait_until(lambda: not select.select([], [sink], [], 0)[1])
    os.close(sink)
    os.close(source)
    assert process.wait().exit_code == 0
    assert LINES in (desk.job() / "log.txt").read_text()


def test_a_log_is_shown_whole_where_stdout_does_not_wait(desk) -> None:
    desk.write("train.py", "for number in range(200_000): print(number)\n")
    desk.run("train.py", "--name", "one")
    source, sink = _pipe_that_does_not_wait()
    process = desk.start("logs", "one", stdout=sink)
    os.close(sink)
    assert LINES in _read(source)
    assert process.wait().exit_code == 0


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        (b"plain\nlines\n", b"plain\nlines\n"),
        (b"\x1b[1;31mred\x1b[0m\n", b"red\n"),
        (b" 10%\r 20%\r\x1b[K 30%\nnext", b" 30%\nnext"),
        (b"from windows\r\n", b"from windows\n"),
        (b"\x1b]8;;http://host/\x1b\\link\x1b]8;;\x1b\\\x1b]0;title\x07\n", b"link\n"),
    ],
)
def test_what_was_printed_for_a_terminal_is_kept_as_text(printed: bytes, kept: bytes) -> None:
    assert as_text(printed) == kept
