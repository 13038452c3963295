"""How an ending is told: pure functions, from facts to text."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.process.outcome.ending import Ending, Stop, exit_code
from smc_core.process.outcome.headline import FIRST_LINE
from smc_core.process.outcome.stderr_tail import fault_place, last_lines, tail_text
from smc_core.process.outcome.text import SHOWN, failure_text, outcome
from smc_core.process.parent.pump import TAIL_BYTES
from smc_core.process.report.folder import ReportDir
from smc_core.process.report.reader import CommandNote, Report, read_command, read_reports

PYTHON = CommandNote("process", "script", 1)


def report(**values):
    defaults = {
        "time": 100.0,
        "monotonic": 100.0,
        "pid": 7,
        "host": "algo-1",
        "rank": None,
        "phase": "script",
        "kind": "user",
        "type": "ValueError",
        "message": "bad data in column 7",
        "exit_call": "",
        "exit_code": 1,
        "expected": False,
        "traceback": "Traceback (most recent call last):\n  ...\nValueError: bad data in column 7\n",
        "place": "train.py:42, in load",
        "child_stderr": None,
        "notes": [],
    }
    return Report(**{**defaults, **values})


def ending(status=1, *reports, **facts):
    return Ending(status, pid=7, reports=reports, **{"note": PYTHON, **facts})


def stop(**values):
    return Stop(**{"number": 15, "at": 200.0, "lasted": 3.04, "begun": True, "killed": "", "grace": 110.0, **values})


def told(*arguments, **facts):
    return outcome(ending(*arguments, **facts)).first_line


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 1), (255, 255), (-9, 137), (-15, 143), (-64, 192)])
def test_exit_codes(status, code):
    assert exit_code(status) == code


def test_an_exception():
    text = failure_text(ending(1, report(notes=["Behind it: KeyError: 'x'"])))
    assert text == (
        "ValueError: bad data in column 7 (train.py:42, in load)\n"
        "Phase: script; exit code 1.\n"
        "Behind it: KeyError: 'x'\n"
        "\n"
        "Traceback (most recent call last):\n  ...\nValueError: bad data in column 7\n"
    )


def test_rank_and_host_where_there_are_several():
    note = CommandNote("group", "torchrun", 2)
    text = failure_text(ending(1, report(rank=3, host="algo-2", phase="train"), note=note))
    assert "Phase: train; rank 3; host algo-2; exit code 1.\n" in text
    assert "host" not in failure_text(ending(1, report(rank=3)))


def test_the_earliest_report_is_the_cause():
    first, second = report(rank=1, message="first"), report(rank=0, message="second", monotonic=101.0)
    text = failure_text(ending(1, first, second))
    assert text.startswith("ValueError: first (train.py:42, in load)\n")
    assert "Later, rank 0: ValueError: second (train.py:42, in load)\n" in text


def test_an_error_that_is_expected_needs_no_traceback():
    kind = "smc_core.errors.ConfigurationError"
    error = report(type=kind, message="no program", expected=True, place="", phase="launch", traceback="")
    assert failure_text(ending(2, error, note=None)) == "ConfigurationError: no program\nPhase: launch; exit code 2.\n"


def test_a_fault_of_smc_asks_to_be_reported():
    text = failure_text(
        ending(70, report(kind="smc", type="KeyError", message="'x'", place="smc_core/plan.py:9, in f"))
    )
    assert text.startswith("smc itself failed: KeyError: 'x' (smc_core/plan.py:9, in f)\n")
    assert "please report it" in text


def test_a_call_of_sys_exit():
    text = failure_text(
        ending(
            3,
            report(type="SystemExit", message="3", exit_call="sys.exit(3)", child_stderr=""),
            tail=b"usage: train.py\n",
        )
    )
    assert text.startswith("sys.exit(3) was called (train.py:42, in load); last line on stderr: usage: train.py\n")
    assert text.endswith("Last lines on stderr:\nusage: train.py\n")


@pytest.mark.parametrize(
    ("status", "facts", "line"),
    [
        (-11, {}, "Killed by SIGSEGV (segmentation fault)"),
        (-15, {}, "Killed by SIGTERM"),
        (-2, {}, "Stopped by SIGINT"),
        (-40, {}, "Killed by signal 40"),
        (-9, {}, "Killed by SIGKILL; the sender is unknown"),
        (-9, {"machine_kills": 1}, "Killed by SIGKILL; perhaps the machine ran out of memory"),
        (-9, {"machine_kills": 0, "peak_rss": 9, "machine_memory": 10}, "Killed by SIGKILL; the sender is unknown"),
        (-9, {"cpu_limit": 60, "cpu_seconds": 30.0}, "Killed by SIGKILL; the sender is unknown"),
        (-9, {"machine_kills": 1, "oom_is_counted": True}, "Killed by SIGKILL; the sender is unknown"),
        (
            -9,
            {"peak_rss": 20 << 20, "memory_peak": 4 << 30, "machine_memory": 23 << 30},
            "Killed by SIGKILL; the sender is unknown",
        ),
        (
            -9,
            {"peak_rss": 20 << 30, "machine_memory": 23 << 30},
            "Killed by SIGKILL; perhaps the machine ran out of memory",
        ),
        (
            -9,
            {"cpu_limit": 60, "cpu_seconds": 60.02},
            "Killed by SIGKILL at the limit of processor time (60 s, as ulimit -t says)",
        ),
        (-24, {"cpu_limit": 60, "cpu_seconds": 50.0}, "Killed by SIGXCPU (limit of processor time: 60 s)"),
        (
            -9,
            {"oom_kills": 1, "memory_limit": 512 << 20, "memory_peak": 511 << 20},
            "Out of memory: the kernel killed the script (limit 512.0 MiB, peak 511.0 MiB)",
        ),
        (-9, {"oom_kills": 3}, "Out of memory: the kernel killed the script (3 processes)"),
        (1, {"oom_kills": 1}, "Out of memory: the kernel killed a process of the job; exit code 1"),
        (5, {}, "Exit code 5, and nothing on stderr"),
        (5, {"tail": b"one\ntwo\n"}, "Exit code 5; last line on stderr: two"),
        (5, {"tail": b"one\n-----\n\0\n"}, "Exit code 5; last line on stderr: one"),
        (139, {}, "Exit code 139, and nothing on stderr"),
        (
            139,
            {"note": CommandNote("group", "script", 1)},
            "Exit code 139: a command was killed by SIGSEGV, and nothing on stderr",
        ),
        (-11, {"note": None}, "Killed by SIGSEGV (segmentation fault), before the user's code began"),
    ],
)
def test_no_report(status, facts, line):
    assert told(status, **facts) == line


@pytest.mark.parametrize(
    ("status", "values", "line"),
    [
        (-15, {}, "Stopped by SIGTERM, which the script does not handle"),
        (17, {}, "Stopped by SIGTERM: 3.0 s later the script ended with exit code 17"),
        (-11, {}, "Stopped by SIGTERM: 3.0 s later the script was killed by SIGSEGV"),
        (
            -9,
            {"killed": "grace"},
            "Stopped by SIGTERM: the script did not stop within 110 s (SMC_STOP_GRACE) and was killed",
        ),
        (-9, {"killed": "again"}, "Stopped by SIGTERM, and killed by a second one 3.0 s later"),
        (-15, {"begun": False}, "Stopped by SIGTERM before the user's code began"),
        (-10, {"number": 10}, "Stopped by SIGUSR1"),
        (130, {"number": 2}, "Stopped by SIGINT: 3.0 s later the script ended with exit code 130"),
        (1, {"number": 10}, "Exit code 1, and nothing on stderr"),
    ],
)
def test_a_stop(status, values, line):
    assert told(status, stop=stop(**values)) == line


def test_an_exception_before_a_stop_is_the_cause():
    """The script had failed, and was about to end, when it was stopped."""
    assert told(-15, report(monotonic=199.0), stop=stop()).startswith("ValueError: bad data")


def test_the_clock_may_be_set_back_during_a_stop():
    late = report(time=1.0, monotonic=201.0, message="while stopping")
    assert told(1, late, stop=stop()).startswith("Stopped by SIGTERM")


def test_a_signal_that_continues_is_no_reason_for_an_end():
    assert told(-2, stop=stop(number=18)) == "Stopped by SIGINT"


@pytest.mark.parametrize(
    ("facts", "status", "line"),
    [
        (ending(0), "completed", ""),
        (ending(1, report()), "failed", "ValueError: bad data in column 7 (train.py:42, in load)"),
        (ending(-2), "stopped", "Stopped by SIGINT"),
        (
            ending(1, report(type="Stopped", message="by SIGTERM")),
            "failed",
            "Stopped: by SIGTERM (train.py:42, in load)",
        ),
        (ending(1, tail=b"Stopped by SIGTERM"), "failed", "Exit code 1; last line on stderr: Stopped by SIGTERM"),
    ],
)
def test_the_status_is_a_fact_and_not_read_from_the_words(facts, status, line):
    found = outcome(facts)
    assert (found.status, found.first_line) == (status, line)


def test_the_last_line_on_stderr_may_be_of_another_rank():
    exits = report(type="SystemExit", message="7", exit_call="sys.exit(7)", child_stderr="", rank=3)
    text = failure_text(ending(7, exits, tail=b"of another rank\n"))
    assert text.startswith("sys.exit(7) was called (train.py:42, in load)\n")
    assert text.endswith("Last lines on stderr:\nof another rank\n")


def test_who_is_to_blame_and_since_when():
    lost = report(
        type="smc_core.errors.HostError", phase="hosts", host="algo-2", place="", expected=True, monotonic=7.0
    )
    assert outcome(ending(5, lost))[5:7] == (7.0, "algo-2")
    assert outcome(ending(1, report()))[5:7] == (100.0, "")
    assert outcome(ending(1, ended=12.0))[5:7] == (12.0, "")


def test_an_exception_that_a_signal_overtook_is_one_sentence_in_the_log():
    first = "ValueError: bad data in column 7 (train.py:42, in load)"
    assert outcome(ending(-15, report())).log == f"exit code 143, killed by SIGTERM after: {first}"
    assert outcome(ending(1, report())).log == f"exit code 1: {first}"


def test_an_exception_after_a_stop_is_not():
    text = failure_text(ending(1, report(monotonic=201.0), stop=stop()))
    assert text.startswith("Stopped by SIGTERM: 3.0 s later the script ended with exit code 1\n")
    assert "While stopping: ValueError: bad data in column 7 (train.py:42, in load)\n" in text


def test_what_a_forked_child_reported_before_a_stop_is_the_script_s_own_affair():
    assert told(-15, report(monotonic=1.0, pid=8), stop=stop()).startswith("Stopped by SIGTERM")
    assert told(1, report(monotonic=1.0, pid=8)).startswith("ValueError")


def test_secrets_are_masked_in_everything():
    def mask(text):
        return text.replace("s3cret", "****")

    error = report(message="s3cret", traceback="s3cret", notes=["s3cret"])
    for facts in (ending(1, error), ending(1, tail=b"s3cret\n"), ending(-11, tail=b"s3cret\n")):
        text = failure_text(facts, mask)
        assert "s3cret" not in text
        assert "****" in text


TEXT = st.text(max_size=3000) | st.text("abc \n", max_size=3000)


@given(
    message=TEXT,
    kind=st.text("Aa.", min_size=1, max_size=400),
    place=st.text("train.py:42", max_size=300),
    notes=st.lists(st.text(max_size=300), max_size=6),
    status=st.integers(-64, 255).filter(bool),
    tail=st.binary(max_size=300),
    rank=st.none() | st.integers(0, 9),
)
def test_the_first_line_and_what_is_shown(message, kind, place, notes, status, tail, rank):
    """Whatever the size of the message: the first line fits, and class and place are in what SageMaker shows."""
    error = report(message=message, type=kind, place=place, notes=notes, rank=rank)
    text = failure_text(ending(status, error, tail=tail))
    line = text.partition("\n")[0]
    assert 0 < len(line) <= FIRST_LINE
    assert " ".join(place.split())[:40] in text[:SHOWN]
    assert status == -signal.SIGINT or kind in text[:SHOWN]
    assert text.encode("utf-8")
    assert all(character.isprintable() or character in "\n\t" for character in text)


@given(st.integers(-64, 255).filter(bool), st.binary(max_size=2000))
def test_any_stderr_can_be_told(status, tail):
    line = told(status, tail=tail)
    assert 0 < len(line) <= FIRST_LINE


def test_a_tail_that_was_cut_begins_with_a_whole_line():
    tail = (b"secret-that-was-cut\n" + b"x" * TAIL_BYTES)[:TAIL_BYTES]
    assert tail_text(tail).startswith("x")
    assert tail_text(b"short\n") == "short\n"
    assert len(tail_text(b"x" * TAIL_BYTES)) == TAIL_BYTES


def test_last_lines():
    text = "one\n\n  two  \n\x1b[31mred\x1b[0m\n10%\r50%\r100%\r\nsmc: our own\n"
    assert last_lines(text, 3) == ["  two", "red", "100%"]
    assert last_lines("", 3) == []


def test_the_place_of_a_fault():
    dump = (
        "Fatal Python error: Segmentation fault\n\n"
        'Thread 0x01 (most recent call first):\n  File "/code/other.py", line 1 in wait\n\n'
        "Current thread 0x02 (most recent call first):\n"
        '  File "/x/site-packages/numpy/core.py", line 9 in dot\n'
        '  File "/code/train.py", line 5 in crash\n'
        '  File "/code/train.py", line 8 in <module>\n\n'
        "Extension modules: numpy (total: 1)\n"
    )
    assert fault_place(dump, "/code") == "train.py:5, in crash"
    assert fault_place("no such dump", "/code") == ""
    assert fault_place("Fatal Python error: Aborted\n", "/code") == ""


@pytest.fixture
def folder(tmp_path):
    """A folder of reports; removing it leaves nothing behind, whatever is in it."""
    reports = ReportDir({"TMPDIR": str(tmp_path / "scratch")}, str(tmp_path))
    assert reports.path is not None
    yield Path(reports.path)
    reports.remove()
    assert not Path(reports.path).exists()


def test_reports_that_cannot_be_read_are_left_out(folder):
    written = report(monotonic=2.0)._asdict()
    for name, content in {
        "report-1.json": "{",
        "report-2.json": json.dumps(written),
        "report-3.json": json.dumps({**written, "monotonic": 1.0}),
        "report-4.json": "[]",
        "report-5.json": '{"time": 1}',
        "other.json": json.dumps(written),
    }.items():
        (folder / name).write_text(content)
    assert [found.monotonic for found in read_reports(str(folder))] == [1.0, 2.0]
    assert read_command(str(folder)) is None


def test_what_is_no_regular_file_is_not_opened(folder, tmp_path):
    (tmp_path / "elsewhere").write_text(json.dumps(report()._asdict()))
    os.mkfifo(folder / "report-1.json")
    (folder / "report-2.json").symlink_to("/dev/zero")
    (folder / "report-3.json").symlink_to(tmp_path / "elsewhere")
    (folder / "report-4.json").mkdir()
    (folder / "report-4.json" / "inside").mkdir()
    with open(folder / "report-5.json", "wb") as file:
        file.truncate(300 << 20)
    (folder / "report-6.json").write_text("[" * 100_000)
    os.mkfifo(folder / "command.json")
    assert read_reports(str(folder)) == []
    assert read_command(str(folder)) is None


@pytest.mark.parametrize("field", Report._fields)
def test_every_field_has_its_type(folder, field):
    for number, value in enumerate(["9" * 400, "1e999", "Infinity", "-1", "[[1]]", '{"a": 1}', "true", "null", '"x"']):
        text = json.dumps({**report()._asdict(), field: "HERE"}).replace('"HERE"', value)
        (folder / f"report-{number}.json").write_text(text)
    for found in read_reports(str(folder)):
        text = failure_text(ending(1, found))
        assert 0 < len(text.partition("\n")[0]) <= FIRST_LINE
        assert not os.path.exists(f"/proc/{found.pid}/no-such-file")


def test_a_thousand_reports_are_not_all_read(folder):
    for number in range(1000):
        (folder / f"report-{number:020}.json").write_text(json.dumps(report(monotonic=float(number))._asdict()))
    assert [found.monotonic for found in read_reports(str(folder))] == list(map(float, range(64)))


def test_the_head_is_what_the_failure_file_begins_with():
    found = outcome(ending(1, report(message="bad\ndata", traceback="Traceback …\n"), tail=b"a last line\n"))
    assert found.text.startswith(f"{found.head}\n\nTraceback …")
    assert found.head.splitlines()[0] == found.first_line
    assert "bad\ndata" in found.head
