"""``smc jobs`` and ``smc logs`` of jobs of which something is gone or not as smc wrote it."""

from __future__ import annotations

import json

from smc_core.local.colours import painter


def _run(desk, *names: str) -> None:
    desk.write("train.py")
    for name in names:
        desk.run("train.py", "--name", name)


def test_a_log_that_was_removed_is_missed_in_one_line(desk) -> None:
    _run(desk, "one")
    (desk.job() / "log.txt").unlink()
    ended = desk.smc("logs", "one")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "the log of the job one cannot be read" in ended.stderr
    assert f"{desk.job()}/log.txt: No such file or directory" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_status_that_smc_does_not_know_is_shown_as_it_stands(desk) -> None:
    _run(desk, "first", "second", "third")
    for name, status in (("first", "paused"), ("second", None)):
        path = desk.job(name) / "job.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "status": status}))
    ended = desk.smc("jobs")
    assert ended.exit_code == 0, ended.stderr
    shown = [line.split()[:2] for line in ended.stdout.splitlines()[1:]]
    assert shown == [["first", "paused"], ["second", "None"], ["third", "completed"]]
    assert [job["status"] for job in desk.jobs()] == ["paused", None, "completed"]


def test_a_stdout_that_is_closed_is_no_terminal() -> None:
    assert painter(None)("text", "bold") == "text"


def test_what_a_failure_file_and_a_record_say_moves_no_cursor(desk) -> None:
    _run(desk, "one")
    path = desk.job("one") / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "bad\x1b[2J", "name": "one\x1b[31m"}))
    (desk.job("one") / "output/failure").write_text("\x1b]0;title\x07ValueError\x9b: \u202e" + "x" * 10**6)
    ended = desk.smc("jobs")
    assert ended.exit_code == 0, ended.stderr
    line = ended.stdout.splitlines()[1]
    assert line.isprintable()
    assert line.startswith(r"one\x1b[31m  bad\x1b[2J")
    assert r"\x1b]0;title\x07ValueError\x9b: \u202exxx" in line
    assert len(line) < 400
