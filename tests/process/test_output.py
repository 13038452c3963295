"""stderr passes byte for byte, a terminal stays a terminal, and the supervisor stays small."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from smc_core.testing import wait_until

MEBIBYTE = 1024 * 1024
CLOSING = re.compile(rb"\n?smc: completed after [0-9.]+ s\n")
"""What the supervisor says when a job has completed, on a line of its own."""

LINES = textwrap.dedent("""
    import os, sys
    size, descriptor = int(sys.argv[1]), int(sys.argv[2])
    block = b"".join(b"%07d %s\\n" % (n, b"x" * (n % 151)) for n in range(2000))
    left = size
    while left > 0:
        left -= os.write(descriptor, block[:left])
""")


@contextlib.contextmanager
def _pipe():
    """A pipe that nobody reads but the test, as two files."""
    source, sink = os.pipe()
    with open(source, "rb", buffering=0) as reading, open(sink, "wb", buffering=0) as writing:
        yield reading, writing


def _expected(size):
    block = b"".join(b"%07d %s\n" % (n, b"x" * (n % 151)) for n in range(2000))
    return hashlib.sha256((block * (size // len(block) + 1))[:size]).hexdigest()


def _digest(file, size):
    """Of so many bytes; what follows them has to be the supervisor's closing line."""
    digest = hashlib.sha256()
    while size and (data := file.read(min(size, MEBIBYTE))):
        digest.update(data)
        size -= len(data)
    assert CLOSING.fullmatch(file.read())
    return digest.hexdigest()


def test_a_hundred_megabytes_arrive_byte_for_byte(job):
    size = 100 * 1000 * 1000
    with _pipe() as (source, sink):
        running = job.start_supervisor(sys.executable, "-c", LINES, str(size), "2", stderr=sink)
        sink.close()
        assert _digest(source, size) == _expected(size)
    assert running.wait().exit_code == 0


def test_everything_arrives_in_a_file(job):
    size = 20 * 1000 * 1000
    with open(job.base / "log", "w+b") as log:
        result = job.supervise(sys.executable, "-c", LINES, str(size), "2", stderr=log)
        log.seek(0)
        assert _digest(log, size) == _expected(size)
    assert result.exit_code == 0


@pytest.mark.parametrize("mode", ["pipe", "wb", "ab", "null"])
def test_the_end_of_a_flood_is_kept(mode, job):
    """Most of it is moved by the kernel, and never seen by the supervisor; its end is."""
    flood = textwrap.dedent("""
        import os
        lines = b"".join(b"line %d\\n" % n for n in range(700_000))
        left = memoryview(lines)
        while left:
            left = left[os.write(2, left[:8192]):]
        os._exit(3)
    """)
    expected = b"".join(b"line %d\n" % n for n in range(700_000))
    log = job.base / "log"
    if mode == "pipe":
        result = job.supervise(sys.executable, "-c", flood)
        seen = result.stderr.encode()
    else:
        with open(os.devnull if mode == "null" else log, "wb" if mode == "null" else mode) as file:
            result = job.supervise(sys.executable, "-c", flood, stderr=file)
        seen = expected if mode == "null" else log.read_bytes()
    assert seen.startswith(expected)
    assert seen[len(expected) :].startswith(b"smc: exit code 3") or mode == "null"
    assert result.first_line == "Exit code 3; last line on stderr: line 699999"
    assert result.failure.endswith("line 699980\n" + "".join(f"line {n}\n" for n in range(699_981, 700_000)))


def test_everything_arrives_in_a_socket(job):
    size = 20 * 1000 * 1000
    near, far = socket.socketpair()
    with near, far.makefile("rb") as reading:
        running = job.start_supervisor(sys.executable, "-c", LINES, str(size), "2", stderr=near)
        near.close()
        far.shutdown(socket.SHUT_WR)
        assert _digest(reading, size) == _expected(size)
        assert running.wait().exit_code == 0
    far.close()


@pytest.mark.parametrize("data", [b"", b"\n", b"no end of line", b"\x00\xff\xfe\r\n\x1b[0m", b"a\nb\nc"])
def test_odd_bytes(data, job):
    (job.base / "data").write_bytes(data)
    with _pipe() as (source, sink):
        running = job.start_supervisor("sh", "-c", "cat data >&2", stderr=sink)
        sink.close()
        seen = b"".join(iter(lambda: source.read(MEBIBYTE), b""))
    assert (running.wait().exit_code, seen[: len(data)]) == (0, data)
    closing = seen[len(data) :]
    assert CLOSING.fullmatch(closing)
    assert closing.startswith(b"\n") == (data[-1:] not in (b"", b"\n"))


def test_what_smc_says_begins_a_line_of_its_own(job):
    result = job.supervise("sh", "-c", "printf 'no end of line' >&2; exit 3")
    assert result.stderr.splitlines() == [
        "no end of line",
        "smc: exit code 3: Exit code 3; last line on stderr: no end of line",
    ]


def test_a_line_arrives_before_the_next_is_written(job):
    """Nothing is held back until a buffer is full."""
    running = job.start_supervisor("sh", "-c", "printf 'half' >&2; read x; echo ' a line' >&2", stdin=subprocess.PIPE)
    running.wait_until(lambda: running.stderr)
    assert running.stderr == "half"
    running.write("\n")
    result = running.wait()
    assert result.exit_code == 0
    assert result.stderr.startswith("half a line\n")


def test_no_line_of_stdout_lands_inside_one_of_stderr(job):
    """Both go to one pipe, as with ``2>&1 | tee log``."""
    write = textwrap.dedent("""
        import os, sys
        name, descriptor = sys.argv[1], int(sys.argv[2])
        for n in range(20000):
            os.write(descriptor, (name * (1 + n % 200) + "\\n").encode())
    """)
    path = job.write("write.py", write)
    both = f'"{sys.executable}" {path} o 1 & "{sys.executable}" {path} e 2; wait'
    running = job.start_supervisor("sh", "-c", both, stderr=subprocess.STDOUT)
    result = running.wait()
    *lines, closing = result.stdout.splitlines()
    assert result.exit_code == 0
    assert closing.startswith("smc: completed after ")
    assert len(lines) == 40000
    assert all(set(line) in ({"o"}, {"e"}) for line in lines)


def test_a_reader_that_stops_reading_delays_no_signal(job):
    """The supervisor never waits for the reader of stderr, though the job does."""
    job.variables["SMC_STOP_GRACE"] = "60"
    source, sink = os.pipe()
    running = job.start_supervisor("sh", "-c", "trap 'exit 5' TERM; yes >&2 & echo ready; wait", stderr=sink)
    os.close(sink)
    assert running.read_line() == "ready"
    full = 4096

    def is_full():
        import fcntl
        import struct
        import termios

        return struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, b"    "))[0] >= full

    wait_until(is_full)
    running.send(signal.SIGTERM)
    wait_until((job.output / "failure").exists)
    os.close(source)
    assert running.wait().exit_code == 5


def test_a_reader_that_goes_away_ends_no_job(job):
    loop = "read x; i=0; while [ $i -lt 3000 ]; do echo line >&2; i=$((i+1)); done; exit 3"
    with _pipe() as (_, sink):
        running = job.start_supervisor("sh", "-c", loop, stdin=subprocess.PIPE, stderr=sink)
    running.write("\n")
    result = running.wait()
    assert (result.exit_code, result.first_line) == (3, "Exit code 3; last line on stderr: line")


def test_a_stop_ends_the_wait_for_a_slow_reader(job):
    """The outcome is written before the last of stderr is read."""
    with _pipe() as (_, sink):
        running = job.start_supervisor(sys.executable, "-c", LINES, str(MEBIBYTE), "2", stderr=sink)
        sink.close()
        wait_until((job.output / "success").exists)
        running.send(signal.SIGTERM)
        assert running.wait().exit_code == 0


def test_stdout_is_the_same_file(job):
    """It is inherited, not passed on."""
    with open(job.base / "log", "w") as log:
        job.supervise("sh", "-c", "readlink /proc/$$/fd/1", stdout=log)
    assert (job.base / "log").read_text().strip() == str(job.base / "log")


def _peak(pid):
    with open(f"/proc/{pid}/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("size", [0, 50 * 1000 * 1000])
def test_the_supervisor_is_small(size, job):
    """At most 16 MiB at its peak, however much passes through it. A plain interpreter has up to 10."""
    program = f"import os, sys; sys.argv[1:] = ['{size}', '2']\n{LINES}\nprint('ready', flush=True); sys.stdin.read()"
    job.write("train.py", program)
    with open(os.devnull, "wb") as nowhere:
        running = job.start("train.py", popen={"stdin": subprocess.PIPE, "stderr": nowhere})
        assert running.read_line() == "ready"
        assert _peak(running.pid) <= 16 * MEBIBYTE
        assert running.wait().exit_code == 0


HEAVY = {"pydantic", "requests", "pluggy", "psutil", "importlib_metadata", "tempfile", "subprocess", "threading"}


@pytest.mark.parametrize("module", ["parent.supervisor", "script", "report.writer", "outcome.text"])
def test_what_the_small_processes_load(module):
    show = f"import sys; import smc_core.process.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)


class Terminal:
    """A job on a terminal of its own, as ``docker run --tty`` and a login give it."""

    def __init__(self, job, *command):
        self.job = job
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(job.base)
            os.execvpe(command[0], command, job.environ())
        self.seen = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self.screen, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data

    def type(self, keys):
        os.write(self.screen, keys)

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.reader.join(timeout=10)
        os.close(self.screen)
        return os.waitstatus_to_exitcode(status)


SMC = [sys.executable, "-m", "smc_core", "run"]


def test_a_terminal_stays_a_terminal(job):
    job.write("train.py", "import os\nprint([os.isatty(n) for n in range(3)], input('name? '))\n")
    job.variables["SAGEMAKER_PROGRAM"] = "train.py"
    terminal = Terminal(job, *SMC)
    wait_until(lambda: b"name? " in terminal.seen)
    terminal.type(b"keras\n")
    assert terminal.wait() == 0
    assert b"[True, True, True] keras" in terminal.seen


def test_what_a_job_says_on_a_terminal_is_kept_for_the_failure_file(job):
    job.write("train.py", "import os, sys\nsys.stderr.write('\\x1b[31mno such table\\x1b[0m\\n')\nos._exit(3)\n")
    job.variables["SAGEMAKER_PROGRAM"] = "train.py"
    terminal = Terminal(job, *SMC)
    assert terminal.wait() == 3
    assert b"\x1b[31mno such table\x1b[0m\r\n" in terminal.seen
    assert (job.output / "failure").read_text().startswith("Exit code 3; last line on stderr: no such table\n")


def test_ctrl_c_reaches_the_script_once(job):
    job.write(
        "train.py",
        "import time\n"
        "try:\n    print('ready')\n    while True:\n        time.sleep(0.05)\nexcept KeyboardInterrupt:\n    print('once')\n    time.sleep(0.2)\n    raise SystemExit(7)\n",
    )
    job.variables["SAGEMAKER_PROGRAM"] = "train.py"
    terminal = Terminal(job, *SMC)
    wait_until(lambda: b"ready" in terminal.seen)
    terminal.type(b"\x03")
    assert terminal.wait() == 7
    assert terminal.seen.count(b"once") == 1


def test_ctrl_c_on_a_script_that_does_not_handle_it(job):
    job.write("train.py", "import time\nprint('ready')\nwhile True:\n    time.sleep(0.05)\n")
    job.variables["SAGEMAKER_PROGRAM"] = "train.py"
    terminal = Terminal(job, *SMC)
    wait_until(lambda: b"ready" in terminal.seen)
    terminal.type(b"\x03")
    assert terminal.wait() == 130
    assert (job.output / "failure").read_text().startswith("Stopped by SIGINT\n")


def test_ctrl_z_and_fg_in_a_shell(job):
    """A shell sees the job stop, and continues it."""
    job.write("train.py", "print('ready')\nprint('got', input())\n")
    job.variables.update(SAGEMAKER_PROGRAM="train.py", PS1="$ ")
    terminal = Terminal(job, "bash", "--norc", "--noprofile", "-i")
    terminal.type(" ".join(SMC).encode() + b"; echo ended\n")
    wait_until(lambda: b"ready\r\n" in terminal.seen)
    terminal.type(b"\x1a")
    wait_until(lambda: b"Stopped" in terminal.seen)
    terminal.type(b"fg\n")
    terminal.type(b"a line\n")
    wait_until(lambda: b"got a line" in terminal.seen)
    terminal.type(b"exit 0\n")
    assert terminal.wait() == 0


def test_a_job_in_the_background_of_a_shell(job):
    """It stops when it reads the terminal, as any job does, and goes on in the foreground."""
    job.write("train.py", "print('ready')\nprint('got', input())\n")
    job.variables.update(SAGEMAKER_PROGRAM="train.py", PS1="$ ")
    terminal = Terminal(job, "bash", "--norc", "--noprofile", "-i")
    terminal.type(" ".join(SMC).encode() + b" &\n")
    wait_until(lambda: b"ready\r\n" in terminal.seen)
    terminal.type(b"\n")
    wait_until(lambda: terminal.type(b"\n") or b"Stopped" in terminal.seen)
    terminal.type(b"fg\n")
    wait_until(lambda: terminal.seen.count(b"-m smc_core run") >= 2)
    terminal.type(b"a line\n")
    wait_until(lambda: b"got a line" in terminal.seen)
    terminal.type(b"exit 0\n")
    assert terminal.wait() == 0
