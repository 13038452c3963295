"""The program that watches a host's servers, with servers of a line or two: how each ending is told, and to whom."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smc_core.kit import Report, job_reports
from smc_core.testing import PluginManager, Result, Running, start

RUN = """
import sys
from smc_tensorflow import parameter_server
parameter_server.SERVER = sys.argv[1]
sys.exit(parameter_server.main(parameter_server.run, sys.argv[2:]))
"""
SERVES = """
import os, time
with open(f"{os.environ['HERE']}/.pid", "w") as file:
    file.write(str(os.getpid()))
os.rename(f"{os.environ['HERE']}/.pid", f"{os.environ['HERE']}/serves")
time.sleep(600)
"""
SAVES = """
import os, signal, sys, time

def save(number, frame):
    time.sleep(0.5)  # a server that got the signal too would be gone by now
    with open(f"{os.environ['HERE']}/serves") as file:
        os.kill(int(file.read()), 0)
    open(f"{os.environ['HERE']}/saved", "w").close()
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
signal.signal(signal.SIGINT, save)
open(f"{os.environ['HERE']}/begun", "w").close()
time.sleep(600)
"""

Start = Callable[..., Running[Result]]


@pytest.fixture(name="start")
def _start(tmp_path: Path, plugin_manager: PluginManager) -> Iterator[Start]:
    """Starts the program with one parameter server, whose code is given, and the user's code, if any, beside it."""
    with contextlib.ExitStack() as started:

        def start_it(server: str, user: str | None = None, chief: str = "localhost:1") -> Running[Result]:
            (tmp_path / "server.py").write_text(server)
            command = [sys.executable, "-c", RUN, str(tmp_path / "server.py"), "--host", "algo-1", "--serve", "ps:0"]
            if user is not None:
                plugin_manager.job.code(train_py=user)
                command += ["--", *plugin_manager.launch(SMC_MODE="script").argv]
            (tmp_path / "reports").mkdir()
            environ = {
                **os.environ,
                "SMC_REPORT_DIR": str(tmp_path / "reports"),
                "SM_CURRENT_HOST": "algo-1",
                "HERE": str(tmp_path),
                "TF_CONFIG": json.dumps({"cluster": {"chief": [chief], "ps": ["localhost:2"]}}),
            }
            code = plugin_manager.job.base / "code"
            return started.enter_context(start(command, environ=environ, cwd=code, mark="HERE", start_new_session=True))

        yield start_it


@pytest.fixture
def reports(tmp_path: Path) -> Callable[[], list[Report]]:
    """What was reported, the earliest first."""
    return lambda: job_reports({"SMC_REPORT_DIR": str(tmp_path / "reports")})


def is_there(mark: Path) -> bool:
    """Whether a process is left whose command line names a file."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(mark) in process.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_users(start: Start, code: int, reports: Callable[[], list[Report]]) -> None:
    assert start(SERVES, f"raise SystemExit({code})").wait().exit_code == code
    assert [report.exit_code for report in reports()] == ([code] if code else [])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_signal_that_ends_the_users_process_ends_the_program(start: Start, number: int) -> None:
    assert start(SERVES, f"import os; os.kill(os.getpid(), {int(number)})").wait().exit_code == -number


@pytest.mark.parametrize(
    ("end", "how", "code"),
    [
        ("os._exit(3)", "ended with exit code 3", 3),
        ("os._exit(0)", "ended with exit code 0", 5),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL", 128 + 9),
    ],
)
def test_a_server_that_ends_is_reported_and_ends_the_users_process(
    start: Start, tmp_path: Path, reports: Callable[[], list[Report]], end: str, how: str, code: int
) -> None:
    running = start(
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'begun')!r}): time.sleep(0.02)\n{end}\n",
        f"import time\nopen({str(tmp_path / 'begun')!r}, 'w').close()\ntime.sleep(600)\n",
    )
    assert running.wait().exit_code == code
    (report,) = reports()
    assert report.message == f"TensorFlow's task ps 0 on algo-1 {how}"
    assert (report.host, report.exit_code, report.expected) == ("algo-1", code, True)
    assert not is_there(tmp_path / "train.py")


def test_the_dead_server_comes_before_its_victim(
    start: Start, tmp_path: Path, reports: Callable[[], list[Report]]
) -> None:
    gone = str(tmp_path / "gone")
    running = start(
        f"import os, time\nopen({gone!r}, 'w').close()\ntime.sleep(0.3)\nos._exit(3)\n",
        f"import os, time\nwhile not os.path.exists({gone!r}): time.sleep(0.02)\nraise ConnectionError('no server')\n",
    )
    assert running.wait().exit_code == 3
    first, second = reports()
    assert first.message.endswith("ps 0 on algo-1 ended with exit code 3")
    assert second.message == "no server"


def test_a_server_that_has_told_its_end_is_not_told_of_again(start: Start, reports: Callable[[], list[Report]]) -> None:
    tells = (
        "import sys\nfrom smc_core.errors import HostError\nfrom smc_core.kit import main\n"
        "def run(arguments): raise HostError('the port is taken')\n"
        "sys.exit(main(run, []))\n"
    )
    assert start(tells, "import time; time.sleep(600)").wait().exit_code == 5
    assert [report.message for report in reports()] == ["the port is taken"]


def test_a_server_that_does_not_end_is_killed(start: Start, tmp_path: Path) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES
    waits = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'serves')!r}): time.sleep(0.02)\n"
    assert start(stubborn, waits).wait().exit_code == 0
    assert not is_there(tmp_path / "server.py")


@pytest.mark.parametrize(("send", "number"), [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGINT)])
def test_a_stop_goes_to_the_users_process_alone(
    start: Start, tmp_path: Path, send: Callable[[int, int], None], number: int
) -> None:
    running = start(SERVES, SAVES)
    running.wait_until((tmp_path / "serves").exists)
    running.wait_until((tmp_path / "begun").exists)
    send(running.pid, number)  # to the program alone, as the supervisor; to all in the foreground, as Ctrl-C
    assert running.wait().exit_code == 0
    assert (tmp_path / "saved").exists()
    assert not is_there(tmp_path / "server.py")


def test_a_host_that_only_serves_ends_when_it_is_told_to_and_the_chief_is_gone(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as chief:
        running = start(SERVES, chief=f"127.0.0.1:{chief.getsockname()[1]}")
        running.wait_until((tmp_path / "serves").exists)
        running.send(signal.SIGTERM)
        chief.accept()[0].close()  # the program asks whether the chief is there
        chief.accept()[0].close()  # and again: it has not ended
        assert is_there(tmp_path / "server.py")
    assert running.wait().exit_code == -signal.SIGTERM
    assert not is_there(tmp_path / "server.py")
