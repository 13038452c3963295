"""``smc run`` as PID 1 of real containers, and below ``docker-init``: outcome files, exit codes, limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smc_core.testing import JobFolder

Start = Callable[..., Any]

SAVE = "import os; open(os.environ['SM_MODEL_DIR'] + '/weights', 'w').write('learnt')"
WAIT = "print('training', flush=True)\nimport time\nwhile True: time.sleep(0.05)"
INIT = pytest.mark.parametrize("init", [(), ("--init",)], ids=["PID 1", "below --init"])


@pytest.mark.parametrize(
    ("options", "command"),
    [((), ()), ((), ("train",)), (("--entrypoint", ""), ("train",)), (("--entrypoint", ""), ("smc", "run", "train"))],
    ids=["docker run IMAGE", "docker run IMAGE train", "train without an entry point", "smc run train"],
)
def test_every_way_to_start_a_job(start: Start, options: tuple[str, ...], command: tuple[str, ...]) -> None:
    container = start(SAVE, *options, command=command)
    assert container.wait() == 0, container.log
    assert (container.job.base / "model/weights").read_text() == "learnt"
    assert container.success
    assert container.failure is None


@INIT
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit(0)", 0),
        ("import sys; sys.exit(1)", 1),
        ("import sys; sys.exit(42)", 42),
        ("import os; os._exit(255)", 255),
        ("raise ValueError('bad data')", 1),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 11)", 139),
        ("import os; os.kill(os.getpid(), 15)", 143),
    ],
)
def test_docker_shows_the_exit_code_of_the_script(
    start: Start, init: tuple[str, ...], code: str, expected: int
) -> None:
    container = start(code, *init)
    assert container.wait() == expected, container.log
    assert container.success == (expected == 0)
    assert (container.failure is None) == (expected == 0)


def test_a_word_that_smc_does_not_know_is_a_usage_error(start: Start) -> None:
    container = start(SAVE, command=("serve",))
    assert container.wait() == 2
    assert "serve" in (container.failure or "")


@INIT
def test_docker_stop_reaches_a_script_that_saves_and_ends_well(start: Start, init: tuple[str, ...]) -> None:
    code = (
        f"import signal, sys\ndef save(*_):\n    {SAVE}\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, save)\n{WAIT}"
    )
    container = start(code, *init)
    container.wait_for("training")
    assert container.stop() == 0, container.log
    assert (container.job.base / "model/weights").read_text() == "learnt"
    assert container.success


@INIT
def test_docker_stop_of_a_script_without_a_handler_is_told_as_a_stop(start: Start, init: tuple[str, ...]) -> None:
    container = start(WAIT, *init)
    container.wait_for("training")
    assert container.stop() == 143, container.log
    assert "SIGTERM" in (container.failure or "").splitlines()[0]
    assert "Traceback" not in (container.failure or "")


def test_a_script_that_ignores_docker_stop_is_killed_after_the_grace_time(start: Start) -> None:
    code = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAIT}"
    container = start(code, SMC_STOP_GRACE="2")
    container.wait_for("training")
    begun = time.monotonic()
    assert container.stop() == 137, container.log
    assert time.monotonic() - begun >= 2
    assert container.failure is not None


@INIT
def test_a_memory_limit_that_kills_is_told_as_out_of_memory(start: Start, init: tuple[str, ...]) -> None:
    code = "hoard = []\nwhile True: hoard.append(bytearray(8 << 20))"
    container = start(code, "--memory", "192m", "--memory-swap", "192m", *init)
    assert container.wait() == 137, container.log
    assert "out of memory" in (container.failure or "").splitlines()[0].lower()
    assert "192" in (container.failure or "")
    assert not container.success


def test_a_read_only_root_file_system_with_a_tmpfs(start: Start) -> None:
    container = start(f"{SAVE}\nraise ValueError('told')", "--read-only", "--tmpfs", "/tmp")
    assert container.wait() == 1, container.log
    assert (container.failure or "").startswith("ValueError: told (train.py:2")
    assert (container.job.base / "model/weights").exists()


def test_a_read_only_root_file_system_where_only_the_job_can_be_written(start: Start) -> None:
    container = start("raise ValueError('told')", "--read-only")
    assert container.wait() == 1, container.log
    assert (container.failure or "").startswith("ValueError: told (train.py:1")


@pytest.mark.parametrize(("code", "expected"), [(SAVE, 0), ("raise ValueError('told')", 1)])
def test_a_user_that_is_not_root_and_has_no_name(start: Start, job: JobFolder, code: str, expected: int) -> None:
    for folder in (job.base, *job.base.rglob("*")):
        folder.chmod(0o777)
    container = start(code, "--user", "12345:12345")
    assert container.wait() == expected, container.log
    assert container.success == (expected == 0)
    outcome = job.base / "output" / ("success" if container.success else "failure")
    assert outcome.stat().st_uid == 12345


def test_a_job_without_a_network(start: Start) -> None:
    container = start(SAVE, "--network", "none")
    assert container.wait() == 0, container.log
    assert container.success


@INIT
def test_what_the_script_leaves_behind_does_not_hold_the_container(start: Start, init: tuple[str, ...]) -> None:
    code = "import subprocess; subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM; sleep 600'])"
    container = start(code, *init)
    assert container.wait() == 0, container.log


def test_two_hosts_that_find_each_other_by_name(network: str, start: Start, tmp_path: Path) -> None:
    hosts = ["algo-1", "algo-2"]
    code = (
        "import os, time; print(os.environ['SM_CURRENT_HOST_RANK'], 'of', os.environ['SM_HOST_COUNT']); time.sleep(5)"
    )
    started = []
    for host in hosts:
        folder = JobFolder(tmp_path / host).hosts(*hosts, current=host)
        started.append(start(code, "--network", network, "--network-alias", host, folder=folder))
    for rank, container in enumerate(started):
        assert container.wait() == 0, container.log
        assert f"{rank} of 2" in container.log
