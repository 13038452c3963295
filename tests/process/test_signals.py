"""Every signal that can be passed on reaches the script; a stop is told as a stop; none is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from smc_core.process.signals import FORWARDED

NAMED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"]

LISTEN = textwrap.dedent("""
    import os, signal, sys, time
    from smc_core.process import reports

    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, lambda number, frame: os.write(1, b"%d\\n" % number))
    reports.note_command("python", "script", 1)
    print("ready", flush=True)
    while True:
        time.sleep(0.05)  # a handler that is due when a sleep begins runs when it ends
""")

SAVE_AND_EXIT = textwrap.dedent("""
    import signal, sys, time

    def save(number, frame):
        print("saved", flush=True)
        sys.exit({code})

    signal.signal(signal.SIGTERM, save)
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
""")


@pytest.fixture
def listening(job):
    """A script that writes the number of every signal that it gets."""
    running = job.start_supervisor(sys.executable, str(job.write("listen.py", LISTEN)))
    assert running.read_line() == "ready"
    yield running
    _kill(running)


def _kill(running):
    """Stop it twice. Two signals that are sent at once are one request, so the first has to be some time ago."""
    running.send(signal.SIGTERM)
    while running.read_line() != str(int(signal.SIGTERM)):
        pass
    time.sleep(0.6)
    running.send(signal.SIGTERM)
    assert running.end().code == 137


def test_the_signals_of_the_contract_are_passed_on():
    assert {getattr(signal, name) for name in NAMED} <= FORWARDED


@pytest.mark.parametrize("number", sorted(FORWARDED - {signal.SIGTERM}))
def test_a_signal_reaches_the_script(number, listening):
    listening.send(number)
    assert listening.read_line() == str(int(number))


def test_sigterm_reaches_the_script(listening):
    """The fixture sends it, and waits for its number."""


@pytest.mark.parametrize("number", [signal.SIGCHLD, signal.SIGURG, signal.SIGPIPE])
def test_a_signal_about_the_supervisor_itself_does_not(number, listening):
    listening.send(number)
    listening.send(signal.SIGUSR1)
    assert listening.read_line() == str(int(signal.SIGUSR1))


def test_a_script_that_saves_and_exits_with_0_has_succeeded(job):
    job.write("train.py", SAVE_AND_EXIT.format(code=0))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert (result.code, result.success, result.stdout) == (0, True, b"saved\n")


def test_a_script_that_exits_otherwise_is_told_as_stopped(job):
    job.write("train.py", SAVE_AND_EXIT.format(code=17))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert (result.code, result.success) == (17, False)
    assert result.first_line.startswith("Stopped by SIGTERM: ")
    assert result.first_line.endswith(" s later the script ended with exit code 17")
    assert b"smc: SIGTERM was passed on; the job has 110 s to end\n" in result.stderr


def test_a_script_that_fails_while_stopping(job):
    job.write("train.py", SAVE_AND_EXIT.format(code="1 / 0"))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 1
    assert result.first_line.startswith("Stopped by SIGTERM: ")
    assert "While stopping: ZeroDivisionError: division by zero (train.py:6, in save)" in result.failure
    assert "A stop is not a fault of the script." in result.failure


def test_a_script_without_a_handler(job):
    job.write("train.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 143
    assert result.first_line == "Stopped by SIGTERM, which the script does not handle"


def test_an_interrupt(job):
    job.write("train.py", "import time\nprint('ready', flush=True)\nwhile True:\n    time.sleep(0.05)\n")
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGINT)
    result = running.end()
    assert result.code == 130
    assert result.first_line == "Stopped by SIGINT"


@pytest.mark.parametrize("seconds", ["0", "0.3"])
def test_the_grace_time(seconds, job):
    job.environ["SMC_STOP_GRACE"] = seconds
    job.write(
        "train.py",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)\n",
    )
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 137
    assert result.first_line == (
        f"Stopped by SIGTERM: the script did not end within {seconds} s (SMC_STOP_GRACE) and was killed"
    )


def test_a_request_that_comes_twice_at_once_is_one(job):
    """timeout(1) signals its child, and then the process group that it is in."""
    job.write("train.py", SAVE_AND_EXIT.format(code="time.sleep(1)"))
    running = job.start("train.py")
    assert running.read_line() == "ready"
    for _ in range(5):
        running.send(signal.SIGTERM)
        time.sleep(0.02)
    result = running.end()
    assert result.code == 0


def test_a_second_sigterm_kills(job):
    running = job.start_supervisor(sys.executable, str(job.write("listen.py", LISTEN)))
    assert running.read_line() == "ready"
    _kill(running)
    failure = (job.output / "failure").read_text()
    assert failure.startswith("Stopped by SIGTERM, and killed by a second one ")


def test_a_shell_script_is_signalled_with_all_that_it_runs(job):
    """A shell passes nothing on, so its process group gets the signal."""
    job.write(
        "train.sh", "#!/bin/sh\npython3 -c \"import time; print('ready', flush=True); time.sleep(60)\"\necho after\n"
    )
    running = job.start("train.sh")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 143
    assert result.first_line == "Stopped by SIGTERM, which the script does not handle"


def test_a_python_script_is_signalled_alone(job):
    """The processes that load its data go on until the script ends them."""
    job.write(
        "train.py",
        textwrap.dedent("""
            import os, signal, subprocess, sys, time

            loader = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); print('loader is done')"],
                                      stdin=subprocess.PIPE)

            def save(number, frame):
                loader.stdin.close()
                print("loader ended with", loader.wait(), flush=True)
                sys.exit()

            signal.signal(signal.SIGTERM, save)
            print("ready", flush=True)
            while True:
                time.sleep(0.05)
        """),
    )
    running = job.start("train.py")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert (result.code, result.stdout.decode()) == (0, "loader is done\nloader ended with 0\n")


def test_a_stop_while_the_job_is_prepared(job):
    """The user's code has not begun, so nothing has to be saved: everything ends at once."""
    running = job.start_supervisor("sh", "-c", "trap 'echo trapped' USR1; sleep 60 & echo ready; wait")
    assert running.read_line() == "ready"
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 143
    assert result.first_line == "Stopped by SIGTERM before the user's code began"


def test_a_stopped_script_is_woken_to_be_told(job, wait_for):
    """A process that SIGSTOP has stopped would hear of the stop only when its time is up."""
    running = job.start_supervisor("sh", "-c", "echo $$; kill -STOP $$; sleep 60")
    pid = running.read_line()

    def is_stopped():
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    wait_for(is_stopped)
    running.send(signal.SIGTERM)
    assert running.end().code == 143


def test_the_script_starts_as_after_a_login(job):
    """No signal is blocked or ignored, whatever the supervisor's own mask and dispositions."""
    show = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
    careless = "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 20))\n"
    careless += "for n in (1, 2, 3, 13, 15, 25): signal.signal(n, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])"
    plain = subprocess.run(["sh", "-c", show], capture_output=True, text=True, check=True, restore_signals=True)
    result = job.supervise("sh", "-c", show)
    assert result.stdout.decode() == plain.stdout
    result = job.supervise("sh", "-c", show, prefix=[sys.executable, "-c", careless])
    assert result.stdout.decode() == plain.stdout


def test_a_hangup_that_nohup_ignores_stays_ignored(job):
    ignore = "import os, signal, sys\nsignal.signal(1, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])"
    script = str(job.write("listen.py", LISTEN))
    running = job.start_supervisor(sys.executable, script, prefix=[sys.executable, "-c", ignore])
    assert running.read_line() == "ready"
    running.send(signal.SIGHUP)
    running.send(signal.SIGUSR1)
    assert running.read_line() == str(int(signal.SIGUSR1))
    _kill(running)


@pytest.mark.parametrize("milliseconds", range(0, 600, 50))
def test_a_stop_at_any_moment_of_a_whole_job(milliseconds, job, wait_for):
    """From the moment on that the supervisor can hear."""
    job.write("train.py", "import time\ntime.sleep(60)\n")
    running = job.start("train.py")

    def hears():
        with open(f"/proc/{running.pid}/status") as file:
            (caught,) = (int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
        return caught >> (signal.SIGTERM - 1) & 1

    wait_for(hears)
    time.sleep(milliseconds / 1000)
    running.send(signal.SIGTERM)
    result = running.end()
    assert result.code == 143
    assert result.first_line in (
        "Stopped by SIGTERM before the user's code began",
        "Stopped by SIGTERM, which the script does not handle",
    )


STOPS = textwrap.dedent("""
    # Stops many jobs at random moments, each once, twice or thrice; prints what became of each.
    import json, os, random, signal, sys, time
    from smc_core.process import signals
    from smc_core.process.supervisor import supervise

    seed, count, scratch = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    random.seed(seed)
    COMMANDS = {
        "sleep": ["sleep", "30"],
        "short": ["sleep", "0.004"],
        "exit": ["sh", "-c", "exit 3"],
        "handles": ["sh", "-c", "trap 'exit 5' TERM; sleep 30 & wait"],
        "leaves": ["sh", "-c", "setsid sleep 30 & sleep 30"],
    }
    signals.hold()
    for number in range(count):
        base, name = f"{scratch}/{seed}-{number}", random.choice(list(COMMANDS))
        os.mkdir(base)
        times = random.choice([1, 1, 1, 2, 3])
        pauses = [random.choice([0, random.uniform(0, 0.03)]) for _ in range(times)]
        pid = os.fork()
        if pid == 0:
            os.close(1)
            os.close(2)
            os._exit(supervise(COMMANDS[name], base_dir=base))
        for pause in pauses:
            time.sleep(pause)
            os.kill(pid, signal.SIGTERM)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        files = {}
        for file in os.listdir(f"{base}/output"):
            with open(f"{base}/output/{file}") as opened:
                files[file] = opened.read()
        print(json.dumps([name, times, status, files]))
""")
STOPS_IN_ALL = int(os.environ.get("SMC_TEST_STOPS", "2000"))


@pytest.mark.slow
def test_stops_at_random_moments(tmp_path, find_processes):
    """A stop is neither lost nor fatal to the report, whenever and however often it comes."""
    (tmp_path / "tmp").mkdir()
    environ = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "SMC_STOP_GRACE": "20", "SMC_TEST_MARK": str(tmp_path)}
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", STOPS, str(seed), str(STOPS_IN_ALL // 2), str(tmp_path)],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in (1, 2)
    ]
    outcomes = []
    for driver in drivers:
        stdout, stderr = driver.communicate(timeout=240)
        assert driver.returncode == 0, stderr.decode()[-2000:]
        outcomes += [json.loads(line) for line in stdout.splitlines()]
    assert len(outcomes) == STOPS_IN_ALL // 2 * 2
    codes = {
        "sleep": {137, 143},
        "short": {0, 137, 143},
        "exit": {3, 137, 143},
        "handles": {5, 137, 143},
        "leaves": {137, 143},
    }
    for name, times, code, files in outcomes:
        assert code in codes[name], (name, times, code, files)
        assert code != 137 or times > 1, (name, times, code, files)
        assert list(files) == (["failure"] if code else ["success"]), (name, times, code, files)
        stopped = files.get("failure", "").startswith("Stopped by SIGTERM")
        assert stopped == (code not in (0, 3)) or (code == 3 and stopped), (name, times, code, files)
    assert find_processes(f"SMC_TEST_MARK={tmp_path}") == []
    assert os.listdir(tmp_path / "tmp") == []
