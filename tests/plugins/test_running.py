"""The driver of jobs that authors of plugins get: ``smc_core.testing``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.testing import JobFolder, Running, start, wait_until
from smc_core.testing.running import processes_with

SPLIT_AFTER_A_PARENT = """
import os, subprocess, sys, time
if os.fork() == 0:
    orphan = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=2)
    os.write(1, b"%d\\n" % orphan.pid)
    os._exit(0)
os.wait()
"""


def python(code: str, **options: object) -> Running:
    return start([sys.executable, "-c", code], **options)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_lines_come_in_turn_and_the_result_has_them_all() -> None:
    with python(
        "import sys; print('one'); print('two'); print('end', end=''); print('err', file=sys.stderr)"
    ) as running:
        assert [running.read_line() for _ in range(3)] == ["one", "two", "end"]
        result = running.wait()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "one\ntwo\nend", "err\n")


def test_a_line_that_does_not_come_fails_with_what_was_printed() -> None:
    code = "import sys, time; print('half', end='', flush=True); sys.stderr.write('why\\n'); time.sleep(600)"
    with python(code) as running:
        running.wait_until(lambda: running.stdout == "half" and running.stderr == "why\n")
        with pytest.raises(AssertionError) as raised:
            running.read_line(0.05)
    assert str(raised.value).endswith(
        "\nprinted no further line within 0.05 s; so far it has printed\nhalf\nand to stderr\nwhy\n"
    )
    assert str(raised.value).startswith(f"{sys.executable} -c import sys, time")


def test_a_line_is_not_waited_for_where_the_program_has_exited() -> None:
    with python("raise SystemExit(3)") as running:
        running._process.wait()
        with pytest.raises(AssertionError, match="printed no further line before it exited with 3"):
            running.read_line()


def test_a_condition_is_waited_for_while_the_program_runs(tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    with python(f"import time; time.sleep(0.05); open({str(mark)!r}, 'w').close(); time.sleep(600)") as running:
        running.wait_until(mark.exists)
        with pytest.raises(AssertionError, match=r"did not do what is waited for within 0.05 s"):
            running.wait_until(lambda: False, 0.05)
    with python("print('last words')") as running:
        with pytest.raises(AssertionError) as raised:
            running.wait_until(lambda: False)
        assert "before it exited with 0; so far it has printed\nlast words\n" in str(raised.value)


def test_a_condition_that_holds_when_the_program_exits_has_been_met(tmp_path: Path) -> None:
    with python(f"open({str(tmp_path / 'begun')!r}, 'w').close()") as running:
        running._process.wait()
        running.wait_until((tmp_path / "begun").exists)


def test_a_program_that_does_not_exit_in_time_fails_the_test() -> None:
    with python("import time; print('on', flush=True); time.sleep(600)") as running:
        running.read_line()
        with pytest.raises(AssertionError, match=r"has not exited within 0.05 s; so far it has printed\non\n"):
            running.wait(0.05)


def test_a_process_that_holds_the_output_open_fails_the_test(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0: time.sleep(600)\nos._exit(0)"
    with python(code, environ={**os.environ, "OF_THIS_TEST": str(tmp_path)}, mark="OF_THIS_TEST") as running:
        running._process.wait()
        with pytest.raises(AssertionError, match=r"left a process that holds its output open"):
            running.wait(0.05)


def test_a_signal_that_kills_it_is_its_exit_code() -> None:
    with python("import time; print(flush=True); time.sleep(600)") as running:
        running.read_line()
        running.send(signal.SIGUSR1)
        assert running.wait().exit_code == -signal.SIGUSR1
        running.send(signal.SIGUSR1)  # of nobody


def test_it_is_written_to() -> None:
    code = "import sys; print('got', sys.stdin.readline(), end='', flush=True); print(sys.stdin.read())"
    with python(code, stdin=subprocess.PIPE) as running:
        running.write("a line\n")
        assert running.read_line() == "got a line"
        running.write("rest")
        assert running.wait().stdout == "got a line\nrest\n"
    with python("pass") as running, pytest.raises(ValueError, match="to write to it"):
        running.write("a line")


def test_it_never_waits_for_its_test() -> None:
    lines = "".join(f"{number}\n" for number in range(200_000))
    code = "import sys\nfor number in range(200_000): print(number); print(number, file=sys.stderr)"
    with python(code) as running:
        result = running.wait()
    assert result.stdout == result.stderr == lines


def test_what_is_no_text_is_shown_as_escapes() -> None:
    with python("import os; os.write(1, b'a\\xff\\r\\nb')") as running:
        assert running.wait().stdout == "a\\xff\r\nb"


def test_a_stream_that_goes_elsewhere_is_not_collected(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as log, python("print('on')", stdout=log) as running:
        assert running.wait().stdout == ""
    assert (tmp_path / "log").read_text() == "on\n"


def test_what_it_has_started_is_killed_at_the_end_of_the_block() -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    with python(code) as running:
        child = int(running.read_line())
    assert not is_alive(child)
    assert not is_alive(running.pid)


def test_what_has_its_mark_is_killed_though_its_parent_has_exited(tmp_path: Path) -> None:
    environ = {**os.environ, "OF_THIS_TEST": str(tmp_path)}
    with python(SPLIT_AFTER_A_PARENT, environ=environ, mark="OF_THIS_TEST", stderr=subprocess.DEVNULL) as running:
        orphan = int(running.read_line())
        assert running.wait().exit_code == 0
        assert [process.pid for process in processes_with("OF_THIS_TEST", str(tmp_path))] == [orphan]
    assert not is_alive(orphan)


def test_a_wait_in_vain_shows_what_it_is_told_to() -> None:
    with pytest.raises(AssertionError, match=r"^waited 0.02 s in vain:\nthe log$"):
        wait_until(lambda: False, 0.02, show=lambda: "the log")


def test_a_job_is_started_stopped_and_looked_at(job: JobFolder) -> None:
    job.variables["SMC_STOP_GRACE"] = "60"
    job.code(
        train_py="import os, time\ndef train(): print(os.environ['SMC_STOP_GRACE'], flush=True); time.sleep(600)\n"
    )
    running = job.start("train.py")
    assert running.read_line() == "60"
    assert running.pid in job.processes()
    running.send(signal.SIGTERM)
    result = running.wait()
    assert (result.exit_code, result.success) == (143, False)
    assert result.first_line == "Stopped by SIGTERM, which the script does not handle"
    assert job.processes() == []


def test_a_job_behind_a_prefix_with_input(job: JobFolder) -> None:
    job.code(train_py="import os; print(input(), os.environ['BY'])")
    prefix = ["sh", "-c", 'BY=prefix exec "$@"', "sh"]
    running = job.start("train.py", prefix=prefix, popen={"stdin": subprocess.PIPE})
    running.write("typed")
    result = running.wait()
    assert (result.exit_code, result.stdout, result.first_line) == (0, "typed prefix\n", "")


def test_a_job_folder_leaves_no_job_behind(tmp_path: Path) -> None:
    with JobFolder(tmp_path / "ml") as job:
        job.code(train_py="import time; print('on', flush=True); time.sleep(600)")
        job.start("train.py").read_line()
        assert len(job.processes()) >= 2
    assert job.processes() == []
