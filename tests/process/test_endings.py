"""Exit codes, signals that kill, and the two outcome files."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from smc_core.process.outcome.ending import exit_code

SIGNALS_THAT_KILL = sorted(
    number
    for number in signal.valid_signals()
    - {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
    - {signal.SIGURG, signal.SIGWINCH}
)

MANY_JOBS = textwrap.dedent("""
    # Runs one supervised job for each command line that it reads, each in a process of its own.
    import json, os, sys
    from smc_core.process.parent.supervisor import supervise

    for line in sys.stdin:
        base, *command = json.loads(line)
        if (pid := os.fork()) == 0:
            os._exit(supervise(command, base_dir=base))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""")


@pytest.fixture(scope="module")
def run_many(tmp_path_factory):
    """Runs many short jobs quickly; gives the exit code and the job folder of each."""

    def run(commands: list[list[str]]) -> list[tuple[int, Path]]:
        folders = [tmp_path_factory.mktemp("many") for _ in commands]
        lines = [json.dumps([str(folder), *command]) for folder, command in zip(folders, commands, strict=True)]
        environ = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("scratch"))}
        done = subprocess.run(
            [sys.executable, "-c", MANY_JOBS],
            input="\n".join(lines),
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert os.listdir(environ["TMPDIR"]) == []
        return list(zip(map(int, done.stdout.split()), folders, strict=True))

    return run


def _outcome(folder: Path) -> tuple[bool, str | None]:
    failure = folder / "output" / "failure"
    return (folder / "output" / "success").exists(), failure.read_text() if failure.exists() else None


@pytest.mark.parametrize("status", range(-64, 256))
def test_the_exit_code_of_every_status(status):
    assert exit_code(status) == (status if status >= 0 else 128 - status)


def test_exit_codes(run_many):
    """Those of smc itself, of signals, and those at the ends; nox -s soak has all 256."""
    codes = [0, 1, 2, 3, 5, 70, 126, 127, 128, 129, 137, 143, 254, 255]
    for expected, (code, folder) in zip(codes, run_many([["sh", "-c", f"exit {each}"] for each in codes]), strict=True):
        success, failure = _outcome(folder)
        assert code == expected
        assert success == (code == 0)
        assert (failure is None) == (code == 0)
        if failure is not None:
            assert failure.startswith(f"Exit code {code}, and nothing on stderr\n")


def test_all_signals_that_kill(run_many):
    jobs = run_many([["sh", "-c", f"kill -{number} $$"] for number in SIGNALS_THAT_KILL])
    for number, (code, folder) in zip(SIGNALS_THAT_KILL, jobs, strict=True):
        success, failure = _outcome(folder)
        names = [item.name for item in signal.Signals if item == number] or [f"signal {number}"]
        assert code == 128 + number
        assert not success
        assert names[0] in failure.partition("\n")[0]


@pytest.mark.parametrize("code", [0, 3])
def test_what_an_earlier_job_left_is_removed(job, code):
    job.output.mkdir()
    for name in ("success", "failure"):
        (job.output / name).write_text("stale")
    result = job.supervise(
        "sh", "-c", f'test ! -e "{job.output}/success" && test ! -e "{job.output}/failure" && exit {code}'
    )
    assert (result.exit_code, result.success) == (code, code == 0)
    assert result.failure is None or "stale" not in result.failure
    assert sorted(os.listdir(job.output)) == (["failure"] if code else ["success"])


def test_a_failure_file_of_the_script_stays_byte_for_byte(job):
    content = bytes(range(256)) * 3
    (job.base / "content").write_bytes(content)
    running = job.start_supervisor("sh", "-c", f"cp {job.base}/content {job.output}/failure; exit 9")
    assert running.wait().exit_code == 9
    assert (job.output / "failure").read_bytes() == content


def test_an_empty_failure_file_counts_as_none(job):
    result = job.supervise("sh", "-c", f": > {job.output}/failure; exit 9")
    assert result.first_line == "Exit code 9, and nothing on stderr"


@pytest.mark.parametrize(("name", "code"), [("success", 0), ("success", 3), ("failure", 0), ("failure", 3)])
def test_a_folder_in_the_place_of_an_outcome_file_is_moved_aside(job, name, code):
    result = job.supervise("sh", "-c", f"mkdir {job.output}/{name}; echo mine > {job.output}/{name}/x; exit {code}")
    assert (result.exit_code, result.success) == (code, code == 0)
    assert (result.failure is None) == (code == 0)
    (aside,) = job.output.glob(f"{name}-folder-*")
    assert (aside / "x").read_text() == "mine\n"


def test_a_pipe_in_the_place_of_a_failure_file_is_replaced(job):
    result = job.supervise("sh", "-c", f"mkfifo {job.output}/failure; exit 9")
    assert result.first_line == "Exit code 9, and nothing on stderr"


@pytest.mark.parametrize("code", [0, 3])
def test_nothing_in_the_folder_of_reports_changes_how_a_job_ends(job, code):
    """Pipes, endless devices, folders, a large file, and values of every wrong type."""
    job.write(
        "hostile.py",
        textwrap.dedent(f"""
            import json, os, sys
            os.chdir(os.environ["SMC_REPORT_DIR"])
            os.mkfifo("command.json")
            os.mkfifo("report-1.json")
            os.symlink("/dev/zero", "report-2.json")
            os.makedirs("report-3.json/deep/inside")
            with open("report-4.json", "wb") as file:
                file.truncate(300 << 20)
            open("report-5.json", "w").write(json.dumps({{"time": "soon", "pid": [], "message": 7, "notes": {{}}}}))
            open("report-6.json", "w").write('{{"time": ' + "9" * 100_000 + "}}")
            sys.stderr.write("the last word\\n")
            os._exit({code})
        """),
    )
    result = job.supervise(sys.executable, str(job.base / "code" / "hostile.py"))
    assert (result.exit_code, result.success) == (code, code == 0)
    assert result.failure is None or result.first_line == f"Exit code {code}; last line on stderr: the last word"


def test_a_fault_while_an_ending_is_reported_leaves_the_exit_code_alone(job):
    fault = (
        "import sys; from smc_core.process.outcome import text; from smc_core.process.parent import supervisor\n"
        "def fail(*arguments): raise RecursionError('a fault')\n"
        "text.outcome = fail\n"
        "sys.exit(supervisor.supervise(sys.argv[2:], base_dir=sys.argv[1]))"
    )
    command = [sys.executable, "-c", fault, str(job.base), "sh", "-c", "exit 9"]
    done = subprocess.run(command, env=job.environ(), capture_output=True, timeout=30, check=False)
    result = job.result(done.returncode, done.stdout, done.stderr)
    assert (result.exit_code, result.first_line) == (9, "Exit code 9; the cause cannot be reported")
    assert "RecursionError: a fault" in result.failure


def test_a_limit_of_processor_time_is_named(job):
    job.write("busy.py", "while True: pass")
    result = job.supervise(
        sys.executable, str(job.base / "code" / "busy.py"), prefix=["sh", "-c", 'ulimit -t 1; exec "$@"', "sh"]
    )
    assert result.exit_code == 137
    assert result.first_line.startswith("Killed by SIGKILL at the limit of processor time (1 s, as ulimit -t says)")


def test_a_job_that_completes_says_so_once(job):
    result = job.supervise("true")
    assert re.fullmatch(r"smc: completed after [0-9.]+ s\n", result.stderr)


def test_a_success_file_of_a_script_that_fails_is_removed(job):
    result = job.supervise("sh", "-c", f": > {job.output}/success; exit 9")
    assert (result.exit_code, result.success) == (9, False)


def test_the_outcome_can_be_read_by_all(job):
    old = os.umask(0o077)
    try:
        job.supervise("false")
    finally:
        os.umask(old)
    assert stat.S_IMODE((job.output / "failure").stat().st_mode) == 0o644


def test_a_program_that_cannot_be_started(job):
    result = job.supervise("/no/such/program")
    assert result.exit_code == 2
    assert result.first_line == "ConfigurationError: /no/such/program cannot be started: No such file or directory"


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1h"])
def test_a_malformed_grace_time(job, text):
    job.variables["SMC_STOP_GRACE"] = text
    result = job.supervise("true")
    assert result.exit_code == 2
    assert (
        result.failure
        == f"ConfigurationError: variable SMC_STOP_GRACE is {text!r}, not a number of seconds, such as 60\n"
    )
    assert result.stderr.splitlines() == [f"smc: exit code 2: {result.first_line}"]


def test_a_message_that_quotes_a_long_value_keeps_to_a_line(job):
    long = "x" * 100_000
    command = [sys.executable, "-m", "smc_core", "run", long[:60_000], "-c", long[:60_000]]
    done = subprocess.run(command, env=job.environ(), capture_output=True, timeout=30, check=False)
    result = job.result(done.returncode, done.stdout, done.stderr)
    assert result.exit_code == 2
    assert len(result.stderr) < 5000
    job.variables["SMC_LAUNCHER"] = long
    job.write("train.py", "")
    told = job.run("train.py")
    assert (told.exit_code, len(told.first_line), len(told.failure) < 2000) == (3, 200, True)
    refused = job.run(None, ["--no-such-option", long], SMC_LAUNCHER="")
    assert refused.exit_code == 2
    assert len(refused.first_line) <= 200


def test_a_fault_of_smc_itself(job):
    """Whatever goes wrong in the supervisor, the job is stopped and the fault reported."""
    fault = (
        "import sys; from smc_core.process.parent import loop, supervisor\n"
        "def fail(self): raise RuntimeError('a fault')\n"
        "loop.Loop._longest_sleep = fail\n"
        "sys.exit(supervisor.supervise(sys.argv[2:], base_dir=sys.argv[1]))"
    )
    result = job.start_command([sys.executable, "-c", fault, str(job.base), "sleep", "60"]).wait()
    assert result.exit_code == 70
    assert result.first_line == "smc itself failed: RuntimeError: a fault"
    assert "Traceback (most recent call last)" in result.failure


def test_a_child_that_ends_at_the_worst_moment(job):
    """Nothing else wakes the supervisor: stderr has ended before, and SIGCHLD comes when it has just looked."""
    late = textwrap.dedent("""
        import os, signal, sys
        from smc_core.process.parent import child, supervisor

        turns = []
        look = child.Child.reap

        def reap(self):
            look(self)
            turns.append(self.status)
            if len(turns) == 1:
                os.kill(os.getpid(), signal.SIGWINCH)
            elif len(turns) == 2:
                os.kill(self.pid, signal.SIGKILL)
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

        child.Child.reap = reap
        command = "exec 2>&-; kill -WINCH $PPID; exec sleep 60"
        sys.exit(supervisor.supervise(["sh", "-c", command], base_dir=sys.argv[1]))
    """)
    done = subprocess.run([sys.executable, "-c", late, job.base], env=job.environ(), timeout=30, check=False)
    assert done.returncode == 137


def test_a_hundred_ranks_and_the_earliest_is_the_cause(job):
    """Ranks that fail because the first one did are told of, one line each."""
    job.write(
        "rank.py",
        textwrap.dedent("""
            import os, sys
            from smc_core.process.report import writer
            writer.note_command("group", "torchrun", 2)
            for rank in (3, *range(3), *range(4, 100)):
                os.environ.update(RANK=str(rank), SM_CURRENT_HOST="algo-2")
                try:
                    raise ValueError(f"rank {rank} fails")
                except ValueError as error:
                    writer.write_report(error, phase="train")
            sys.exit(1)
        """),
    )
    result = job.supervise(sys.executable, str(job.base / "code" / "rank.py"))
    assert result.first_line.startswith("ValueError: rank 3 fails (rank.py:8, in <module>)")
    assert "Phase: train; rank 3; host algo-2; exit code 1." in result.failure
    assert "Later, rank 0: ValueError: rank 0 fails (rank.py:8, in <module>)" in result.failure
    assert "… and more ranks" in result.failure


def test_reports_go_where_there_is_room(job):
    """A TMPDIR that cannot be used is passed over."""
    job.variables["TMPDIR"] = "/dev/null/nowhere"
    result = job.supervise("sh", "-c", 'echo "$SMC_REPORT_DIR"; ls -A "$SMC_REPORT_DIR"; exit 1')
    folder, *inside = result.stdout.split()
    assert folder.startswith("/")
    assert inside == ["kernel", "reserve"]
    assert not os.path.exists(folder)


@pytest.mark.parametrize("arguments", [["run"], ["run", "--job-dir", "job", "code/train.py"]])
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_job_inherits_the_null_device_for_what_is_closed(job, closed, arguments):
    """Its own first file would be its stdin otherwise, or what it prints would land in a file."""
    job.write(
        "train.py",
        "import json, os\nresult = open(os.environ['RESULT'], 'w')\n"
        "print('hello')\njson.dump([result.fileno(), [os.fstat(n).st_rdev for n in (0, 1, 2)]], result)\n",
    )
    environ = {**job.environ(), "SAGEMAKER_PROGRAM": "train.py", "RESULT": str(job.base / "result")}
    if len(arguments) > 1:
        del environ["SAGEMAKER_BASE_DIR"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "smc_core", *arguments],
        env=environ, cwd=job.base, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    descriptor, devices = json.loads((job.base / "result").read_text())
    assert descriptor > 2
    null = os.stat(os.devnull).st_rdev
    own_pipes = [2] if arguments == ["run"] else [1, 2]
    numbers = [number for number in (0, 1, 2) if str(number) in closed and number not in own_pipes]
    assert [devices[number] for number in numbers] == [null] * len(numbers)


def test_standard_descriptors_that_are_closed(job):
    """Nothing of smc's takes the place of a stdout or stderr that was not open."""
    process = subprocess.run(
        [
            "sh",
            "-c",
            'exec "$@" 0<&- 1>&- 2>&-',
            "sh",
            sys.executable,
            "-c",
            "import sys; from smc_core.process.parent.supervisor import supervise;"
            "sys.exit(supervise(sys.argv[2:], base_dir=sys.argv[1]))",
            str(job.base),
            "sh",
            "-c",
            "echo x; echo y >&2; exit 3",
        ],
        env=job.environ(),
        timeout=30,
        check=False,
    )
    assert process.returncode == 3
    assert (job.output / "failure").read_text().startswith("Exit code 3; last line on stderr: y\n")
