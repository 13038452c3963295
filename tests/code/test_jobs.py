"""Whole jobs whose code and requirements come from elsewhere: what runs, what is said, and how a stop ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.code.conftest import LONGER_THAN_A_TEST, Server, make_wheel, reply, tar_bytes, tree, zip_bytes

from smc_core import modules
from smc_core.errors import CodeError
from smc_core.testing import JobFolder

TRAIN = {"train.py": b"import os; print('submitted', sorted(os.listdir()))\n"}


def test_submitted_code_runs_in_place_of_baked_code(job: JobFolder, server: Server) -> None:
    job.code_files({"train.py": "print('baked')", "baked.py": ""})
    url = server.serve("/sourcedir.tar.gz", reply(tar_bytes(TRAIN))) + "?X-Amz-Signature=secret"
    ended = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=url)
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == "submitted ['train.py']\n"
    assert f"code: {server.url}/sourcedir.tar.gz?****, " in ended.stderr
    assert "replaces baked.py, train.py" in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("kind", ["folder", "archive", "archive alone in a folder"])
def test_code_that_is_a_channel_runs(job: JobFolder, kind: str) -> None:
    """Under network isolation the code comes as a channel, ``input/data/code``."""
    folder = job.channel("code", TRAIN if kind == "folder" else {"sourcedir.tar.gz": tar_bytes(TRAIN)})
    url = str(folder / "sourcedir.tar.gz") if kind == "archive" else str(folder)
    ended = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=url)
    assert (ended.exit_code, ended.stdout) == (0, "submitted ['train.py']\n"), ended.stderr


@pytest.mark.parametrize("program", ["pkg/train.py", "pkg.train", "train.py", "run.sh"])
def test_any_entry_point_of_a_project_in_one_folder_runs(job: JobFolder, tmp_path: Path, program: str) -> None:
    members = {"pkg/__init__.py": b"", "pkg/train.py": b"print('ran')", "pkg/run.sh": b"echo ran"}
    (tmp_path / "c.zip").write_bytes(zip_bytes(members))
    ended = job.run(program, SAGEMAKER_SUBMIT_DIRECTORY=str(tmp_path / "c.zip"))
    assert (ended.exit_code, ended.stdout) == (0, "ran\n"), ended.stderr


def test_a_hostile_archive_ends_the_job_before_anything_runs(job: JobFolder, tmp_path: Path) -> None:
    job.code_files({"train.py": "print('baked')"})
    (tmp_path / "c.zip").write_bytes(zip_bytes({**TRAIN, "../../escaped.py": b""}))
    ended = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=str(tmp_path / "c.zip"))
    assert (ended.exit_code, ended.stdout, ended.success) == (4, "", False)
    first = (ended.failure or "").splitlines()[0]
    assert f"{tmp_path}/c.zip is refused: its member '../../escaped.py' leads outside (..)" in first
    assert len(first) <= 200


def test_the_installers_last_lines_are_in_the_failure_file(job: JobFolder) -> None:
    make_wheel(job.base / "code" / "wheels", "alpha")
    job.code_files({"train.py": "", "requirements.txt": "no-such-package-of-mine>=7"})
    ended = job.run("train.py")
    assert ended.exit_code == 4
    failure = ended.failure or ""
    first, second, *rest = failure.splitlines()
    assert first.startswith("CodeError: requirements.txt cannot be installed: ")
    assert len(first) <= 200
    assert second.endswith(" failed with exit code 1; missing: no-such-package-of-mine>=7")
    assert "no-such-package-of-mine" in "\n".join(rest)
    assert failure.count("cannot be installed") == 1
    said = [line for line in ended.stderr.splitlines() if "no-such-package-of-mine" in line]
    assert len(said) <= 4, said  # the installer's own lines, and the cause with what is missing; not all once more


WITHOUT_ROOTS_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.mark.parametrize(
    ("program", "closed"),
    [
        ("train.py", "train.py"),
        ("run.sh", "run.sh"),
        ("train.py", "requirements.txt"),
        ("train.py", "pyproject.toml"),
        ("train.py", "wheels"),
        ("train.py", ""),
        ("pkg.train", "pkg"),
    ],
)
def test_code_that_the_user_of_the_container_may_not_read(job: JobFolder, program: str, closed: str) -> None:
    job.code_files({"train.py": "", "run.sh": "", "requirements.txt": "absent", "wheels/x": "", "pyproject.toml": ""})
    job.code_files({"pkg/train.py": ""})
    path = job.base / "code" / closed
    path.chmod(0)
    done = subprocess.run(
        [*WITHOUT_ROOTS_RIGHTS, sys.executable, "-m", "smc_core", "run"],
        env=job.environ(program, **({"SMC_REQUIREMENTS": "none"} if closed in (program, "pkg") else {})),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    path.chmod(0o755)
    ended = job.result(done.returncode, done.stdout, done.stderr)
    assert ended.exit_code == 4, ended.stderr
    first = (ended.failure or "").splitlines()[0]
    named = path / "train.py" if closed == "pkg" else path
    assert first.startswith(
        f"CodeError: {str(named).rstrip('/')} cannot be read by user {os.geteuid()}: Permission denied"
    )


def stop_after(
    job: JobFolder, begun: threading.Event, number: int = signal.SIGTERM, **variables: str
) -> tuple[int, str]:
    """Start a job, stop it when it has come so far; returns its status, and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smc_core", "run"],
        env=job.environ("train.py", **variables), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert begun.wait(60)
    process.send_signal(number)
    stderr = process.communicate()[1]
    return process.returncode, stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_code_is_fetched_ends_the_job_at_once(job: JobFolder, server: Server, number: int) -> None:
    begun, ended = threading.Event(), threading.Event()

    def silence(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        ended.wait(LONGER_THAN_A_TEST)

    job.code_files({"train.py": "print('baked')"})
    url = server.serve("/code.tar.gz", silence)
    status, stderr = stop_after(job, begun, number, SAGEMAKER_SUBMIT_DIRECTORY=url)
    ended.set()
    assert status == 128 + number
    assert "Traceback" not in stderr
    assert tree(job.base / "code") == {"train.py": b"print('baked')"}


def test_what_is_left_out_of_the_submitted_code_is_said_by_smc(job: JobFolder, tmp_path: Path) -> None:
    code = tmp_path / "mine"
    code.mkdir()
    os.mkfifo(code / "pipe")
    (code / "train.py").touch()
    ended = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=str(code))
    assert ended.exit_code == 0, ended.stderr
    assert any(line.startswith("smc: ") and "pipe is skipped" in line for line in ended.stderr.splitlines())


def test_a_stop_while_requirements_are_installed_leaves_no_installer(job: JobFolder, tmp_path: Path) -> None:
    begun = threading.Event()
    fifo, bin_folder = tmp_path / "fifo", tmp_path / "bin"
    os.mkfifo(fifo)
    bin_folder.mkdir()
    (bin_folder / "uv").write_text(f"#!/bin/sh\ntrap '' TERM\necho $$ > {fifo}\nwhile :; do sleep 1; done\n")
    (bin_folder / "uv").chmod(0o755)
    make_wheel(job.base / "code" / "wheels", "alpha")
    job.code_files({"train.py": "", "requirements.txt": "alpha"})
    found: list[int] = []

    def watch() -> None:
        found.append(int(fifo.read_text()))
        begun.set()

    threading.Thread(target=watch, daemon=True).start()
    status, _ = stop_after(job, begun, PATH=f"{bin_folder}:{os.environ['PATH']}", TMPDIR=str(tmp_path))
    assert status == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)


def test_the_parts_can_be_used_alone(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the seed asks: download, install, and both with an import."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    members = {"demo-1.0/my_smc_demo.py": b"answer = 42", "demo-1.0/requirements.txt": b"pytest\n"}
    url = server.serve("/demo-1.0.tar.gz", reply(tar_bytes(members)))
    folder = modules.download(url, tmp_path / "code")
    assert folder == str(tmp_path / "code" / "demo-1.0")
    assert modules.install(folder).summary == "requirements.txt: 1 satisfied"
    try:
        assert modules.download_and_import(url, "my_smc_demo", tmp_path / "again").answer == 42
    finally:
        sys.modules.pop("my_smc_demo", None)
    with pytest.raises(CodeError, match="there is nothing at this URL"):
        modules.download_and_import(server.url + "/gone.zip", "x", tmp_path / "gone")
