"""The programs on the hosts without Open MPI: who may start a daemon on one, and what is said where one fails."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import Result, Running, start
from smc_mpi.agent import run as agent
from smc_mpi.programs import AGENT, MASTER, RANK, SERVE


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of reports, of this process and of those that it starts."""
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setenv("SMC_REPORT_DIR", str(folder))
    monkeypatch.setenv("SM_CURRENT_HOST", "127.0.0.1")
    monkeypatch.setenv("SMC_HOST_SECRET", "of this job")
    return folder


def report(folder: Path) -> dict[str, Any]:
    [path] = folder.glob("report-*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def start_program(*argv: str, **variables: str) -> Running[Result]:
    return start([sys.executable, *argv], environ={**os.environ, **variables})


def serve(port: int, daemons: Path | str = "/nowhere", **variables: str) -> Running[Result]:
    hosts = ("--host", "127.0.0.1", "--master", "127.0.0.1")
    return start_program(SERVE, *hosts, "--port", str(port), "--daemons", str(daemons), **variables)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether a socket of this machine listens at a port: 0A is the kernel's number for that."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def test_a_port_that_is_taken_is_named_and_reported(reports: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = serve(port).wait()
        said = f"smc: error: port {port} of 127.0.0.1 cannot be opened for 127.0.0.1: Address already in use"
        [line] = ended.stderr.splitlines()
        assert line.startswith(said)
    assert ended.exit_code == 5
    assert report(reports)["type"] == "smc_core.errors.HostError"


def test_a_master_that_does_not_come_is_named(reports: Path) -> None:
    ended = serve(free_port(), SMC_HOST_WAIT="0.2").wait()
    assert ended.stderr == "smc: error: 127.0.0.1 did not ask 127.0.0.1 for anything within 0.2 s\n"
    assert ended.exit_code == report(reports)["exit_code"] == 5


DAEMON = """#!/bin/sh
printf '%s\\n' "$@" > {found}
exit 9
"""


def test_the_master_alone_starts_a_daemon_and_gets_its_exit_code(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon = tmp_path / "bin/prted"
    daemon.parent.mkdir()
    daemon.write_text(DAEMON.format(found=tmp_path / "found"))
    daemon.chmod(0o755)
    port = free_port()
    running = serve(port, daemon.parent)
    request = {"daemon": "prted", "arguments": ["--of a stranger"]}
    running.wait_until(lambda: listens(port))
    stranger = socket.create_connection(("127.0.0.1", port))
    with stranger:
        stranger.sendall(json.dumps(request).encode() + b"\n")
        stranger.settimeout(60)
        while stranger.recv(1000):  # a number that says nothing, and the end
            pass
    assert not (tmp_path / "found").exists()
    (reports / "mpi-begun-0").touch()  # a rank: or the daemon's failure would be one of Open MPI's start
    assert agent(["--port", str(port), "127.0.0.1", "LD_LIBRARY_PATH=/x;/x/prted", "--a", "'b c'"]) == 9
    assert (tmp_path / "found").read_text() == "--a\nb c\n"
    ended = running.wait()
    assert "refused a connection from 127.0.0.1" in ended.stderr
    assert ended.exit_code == 9


def test_a_daemon_that_fails_before_any_rank_has_begun_is_waited_for_once_more(reports: Path, tmp_path: Path) -> None:
    daemon = tmp_path / "bin/prted"
    daemon.parent.mkdir()
    daemon.write_text(DAEMON.format(found="/dev/null"))
    daemon.chmod(0o755)
    port = free_port()
    running = serve(port, daemon.parent)
    for _ in range(2):
        assert agent(["--port", str(port), "127.0.0.1", "prted"]) == 9
    ended = running.wait()
    assert "Open MPI ended with exit code 9 before any rank began: waiting for" in ended.stderr
    assert ended.exit_code == 9
    assert report(reports)["message"].startswith("prted ended with exit code 9 before any rank began")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ((MASTER, "--", "/no/such/mpirun"), 4, "/no/such/mpirun cannot be started"),
        ((RANK, "process", "--", "/no/such/program"), 4, "/no/such/program cannot be started"),
        ((AGENT, "--port", "1", "127.0.0.1", "rm", "-rf", "/"), 5, "for what smc-mpi does not know"),
        ((AGENT, "--port", "x", "127.0.0.1", "prted"), 70, "invalid literal for int"),
    ],
    ids=["mpirun", "program", "daemon", "fault"],
)
def test_whatever_fails_is_said_and_reported(reports: Path, argv: tuple[str, ...], code: int, said: str) -> None:
    ended = start_program(*argv).wait()
    assert said in ended.stderr.splitlines()[-1]
    assert ended.exit_code == report(reports)["exit_code"] == code
