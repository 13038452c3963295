"""``--stop-after`` sends the stop that SageMaker would; ``--resume`` goes on from the checkpoints."""

from __future__ import annotations

import json

import pytest

from smc_core.local.stopping import LinePattern, stop_after

CHECKPOINTING = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "checkpoints")
state = folder / "step"
step = int(state.read_text()) if state.exists() else 0
def stop(*_):
    state.write_text(str(step))
    print("saved", step, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("begins at", step, os.environ["TRAINING_JOB_NAME"], sys.argv[1:], flush=True)
while step < int(sys.argv[2]):
    step += 1
    print("step", step, flush=True)
    time.sleep(0.002)
print("done")
"""


def test_a_line_stops_the_job_and_it_goes_on_from_its_checkpoints(desk) -> None:
    desk.write("train.py", CHECKPOINTING)
    first = desk.run("train.py", "--name", "one", "-p", "steps=1000000", "--stop-after", "step 5$")
    assert first.stdout.startswith("begins at 0 one ")
    saved = int(first.stdout.split()[-1])
    assert 5 <= saved < 1_000_000
    assert "sending SIGTERM, as SageMaker does to stop a job" in first.stderr
    assert "job one: stopped after" in first.stderr
    assert "smc run --resume one" in first.stderr
    second = desk.run("--resume", "one", "-p", f"steps={saved + 3}")
    assert second.stdout.startswith(f"begins at {saved} one ")
    assert second.stdout.endswith("done\n")
    assert [(job["name"], job["status"]) for job in desk.jobs()] == [("one", "stopped"), ("one-2", "completed")]
    third = desk.run("--resume", "one-2")
    assert third.stdout.startswith(f"begins at {saved} one ")
    assert json.loads((desk.job("one-3") / "job.json").read_text())["request"]["hyperparameters"] == {
        "steps": str(saved + 3)
    }


def test_a_line_that_never_comes_is_said(desk) -> None:
    desk.write("train.py", "print('step 1')\n")
    ended = desk.run("train.py", "--stop-after", "step 9$")
    assert "smc: --stop-after: no line of the output matched step 9$\n" in ended.stderr
    assert desk.jobs()[0]["status"] == "completed"


def test_colours_are_no_part_of_a_line() -> None:
    at_step = stop_after("^step 3$")
    assert isinstance(at_step, LinePattern)
    assert at_step(b"\x1b[1;32mstep \x1b[0m3\x1b[K")
    assert not at_step(b"smc: step 3")


def test_a_time_stops_the_job(desk) -> None:
    desk.write("train.py", "import time\ntime.sleep(600)\n")
    ended = desk.smc("run", "train.py", "--stop-after", "0.5s")
    assert ended.exit_code == 128 + 15
    assert desk.jobs()[0]["status"] == "stopped"
    assert 0.5 <= desk.jobs()[0]["seconds"] < 600


def test_the_grace_time_is_the_jobs_own(desk) -> None:
    desk.write(
        "train.py",
        "import signal, time\nsignal.signal(15, lambda *_: None)\nprint('on', flush=True)\ntime.sleep(600)\n",
    )
    ended = desk.smc("run", "train.py", "--stop-after", "on", "-e", "SMC_STOP_GRACE=0.2")
    assert ended.exit_code == 128 + 9


def test_a_job_that_ends_before_is_not_stopped(desk) -> None:
    desk.write("train.py", "print('all')\n")
    desk.run("train.py", "--stop-after", "1h")
    desk.run("train.py", "--stop-after", "never printed")
    assert [job["status"] for job in desk.jobs()] == ["completed", "completed"]


def test_a_resumed_job_keeps_its_options(desk) -> None:
    desk.write("data/a", "1")
    desk.write(
        "pkg/train.py",
        "import os, sys\nprint(os.environ['A'], sys.argv[1:], os.listdir(os.environ['SM_CHANNEL_DATA']))\n",
    )
    first = desk.run("-m", "pkg.train", "-c", "data=data", "-p", "n=1", "-e", "A=b", "--name", "one")
    assert desk.run("--resume", "one").stdout == first.stdout == "b ['-n', '1'] ['a']\n"


@pytest.mark.parametrize("hosts", [[], ["--hosts", "2"]])
def test_a_job_whose_checkpoints_are_gone_cannot_be_resumed(desk, hosts: list[str]) -> None:
    desk.write("train.py")
    desk.run("train.py", "--name", "one", *hosts)
    (desk.job() / "checkpoints").rmdir()
    ended = desk.smc("run", "--resume", "one")
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert f"--resume one: there is no folder {desk.job()}/checkpoints to resume from" in ended.stderr


def test_a_job_whose_channel_is_gone_is_resumed_with_another(desk) -> None:
    desk.write("data/a")
    desk.write("more/b")
    desk.write("train.py", "import os\nprint(os.listdir(os.environ['SM_CHANNEL_DATA']))\n")
    desk.run("train.py", "--name", "one", "-c", "data=data")
    (desk.folder / "data/a").unlink()
    (desk.folder / "data").rmdir()
    ended = desk.smc("run", "--resume", "one")
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert f"-c data={desk.folder}/data: there is no {desk.folder}/data" in ended.stderr
    assert [job["name"] for job in desk.jobs()] == ["one"]
    assert desk.run("--resume", "one", "-c", "data=more").stdout == "['b']\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "none"], "there is no job 'none'"),
        (["train.py", "--resume", "one"], "no TARGET"),
        (["train.py", "--stop-after", "("], "neither a time"),
    ],
)
def test_what_is_refused(desk, arguments: list[str], message: str) -> None:
    desk.write("train.py")
    desk.run("train.py", "--name", "one")
    ended = desk.smc("run", *arguments)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert message in ended.stderr
